/* Moves the figures that unrolled/sliders writes: it has the picture of one position and the
   data of all. Parameter sliders choose the position, reader sliders the point to read off. */
(() => {
  "use strict";

  /* The same as text_of in unrolled/sliders/numbers.py. */
  const text = (value) => {
    if (value === null) return "no value";
    const isPlain = !value || (Math.abs(value) >= 1e-4 && Math.abs(value) < 1e6);
    const written = isPlain ? String(value) : value.toExponential();
    return written.replace("+", "").replaceAll("-", "\u2212");
  };
  const box = (left, top, right, bottom) => `M${left} ${top}H${right}V${bottom}H${left}z`;
  const ring = (x, y) => `M${x - 5} ${y}a5 5 0 1 0 10 0a5 5 0 1 0 -10 0`;
  const middles = (edges) => edges.slice(1).map((edge, i) => (edge + edges[i]) / 2);
  const nearest = (places, at) => places.reduce((best, place, i) =>
    Math.abs(place - at) < Math.abs(places[best] - at) ? i : best, 0);

  const setUp = (figure) => {
    const all = (selector) => [...figure.querySelectorAll(selector)];
    const [picture] = all("[role=img]");
    const [parameters, readers, series] =
      ["parameter", "reader", "series"].map((name) => all(`[data-${name}]`));
    const [mark] = all(".slider-mark");
    const [where] = all(".slider-where");
    const values = all(".slider-value");
    const { columns, rows, scale: [offset, factor], log, axes, texts, frames } =
      JSON.parse(figure.querySelector("script").textContent);
    const isHeatmap = readers.length === 2;
    const places = isHeatmap ? [middles(columns), middles(rows)] : [columns];
    let frame;

    const scale = (value) => offset + factor * (log ? Math.log10(value) : value);
    const height = (row, i) => scale(row[i] ?? row[0]).toFixed(1);
    const line = (row) => `M${columns.map((x, i) => `${x} ${height(row, i)}`).join("L")}`;
    const cell = (i, j) => box(columns[i], rows[j], columns[i + 1], rows[j + 1]);

    const shades = () => {
      const paths = series.map(() => "");
      frame.forEach((row, j) => row.forEach((value, i) => {
        if (value === null) return;
        paths[Math.min(Math.max(Math.floor(scale(value)), 0), paths.length - 1)] += cell(i, j);
      }));
      return paths;
    };

    const read = () => {
      const [i, j] = readers.map((input) => Number(input.value));
      where.textContent = Object.entries(axes)
        .map(([label, numbers], axis) => `${label} ${text(numbers[[i, j][axis]])}`).join(", ");
      const found = isHeatmap ? [frame[j][i]] : frame.map((row) => row[i] ?? row[0]);
      found.forEach((value, k) => { values[k].lastChild.textContent = `: ${text(value)}`; });
      const told = `${where.textContent}. ${values.map((v) => v.textContent.trim()).join(", ")}`;
      for (const input of readers) input.setAttribute("aria-valuetext", told);
      mark.setAttribute("d", isHeatmap ? cell(i, j) : `M${columns[i]} ${rows.join("V")}`
        + frame.map((row) => ring(columns[i], height(row, i))).join(""));
    };

    const move = () => {
      const position = parameters.reduce(
        (before, input) => before * (Number(input.max) + 1) + Number(input.value), 0);
      frame = frames[position];
      figure.querySelector(".slider-message").textContent = texts[position];
      picture.setAttribute("aria-label", texts[position]);
      for (const input of parameters) input.setAttribute("aria-valuetext", texts[position]);
      (isHeatmap ? shades() : frame.map(line)).forEach((d, k) => series[k].setAttribute("d", d));
      read();
    };

    const point = ({ clientX, clientY }) => {
      const { left, top, width } = picture.getBoundingClientRect();
      const unit = picture.viewBox.baseVal.width / width;
      const at = [(clientX - left) * unit, (clientY - top) * unit];
      readers.forEach((input, axis) => { input.value = nearest(places[axis], at[axis]); });
      read();
    };

    for (const input of parameters) input.addEventListener("input", move);
    for (const input of readers) input.addEventListener("input", read);
    for (const kind of ["pointermove", "pointerdown"]) picture.addEventListener(kind, point);
    for (const controls of all("[hidden]")) controls.hidden = false;
    move();
  };

  document.querySelectorAll(".slider").forEach(setUp);
})();
