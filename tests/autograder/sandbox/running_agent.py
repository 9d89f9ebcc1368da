"""An agent for the tests: runs the source text it is asked, answers with what `answer` is then."""

import traceback


def serve(receive, send):
    """Run each request as Python; the answer is the text of the name `answer`, or the error."""
    while True:
        names = {"send": send, "receive": receive, "answer": None}
        source = receive().decode()
        try:
            exec(compile(source, "submission", "exec"), names)
            text = str(names["answer"])
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
            if "TRACE" in source:
                text += traceback.format_exc()
        send(text.encode())
