"""The fake judge's outputs inside stock nbgrader, in place of running the notebook."""

from fake_judge import grade_id, outputs
from nbformat import from_dict
from nbgrader.preprocessors import NbGraderPreprocessor


class FakeExecute(NbGraderPreprocessor):
    """Gives each test cell the outputs that the answer asks for."""

    def preprocess(self, nb, resources):
        answer = next(cell.source for cell in nb.cells if grade_id(cell) == "f")
        for cell in nb.cells:
            if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade"):
                cell.outputs = from_dict(outputs(answer))
        return nb, resources
