"use strict";
// Single keys, before and after in one place, and marking with the pointer. Without it every button still works.
(() => {
  const keys = document.querySelector("input[name=keys]");
  const press = (name) => document.querySelector(`[data-key="${name}"]`)?.click();
  const pair = document.querySelector(".pairpic");
  const after = document.querySelector("figure.after .crop");
  const help = document.querySelector("#keys-all");
  const marks = [];
  let region = -1;

  const next = () => {
    const all = [...document.querySelectorAll(".regions rect")];
    if (all.length === 0) return;
    region = (region + 1) % all.length;
    const number = all[region].dataset.n;
    all.forEach((one) => one.classList.toggle("now", one.dataset.n === number));
  };

  document.addEventListener("keydown", (event) => {
    if (!keys?.checked || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof HTMLInputElement && event.target.type !== "checkbox") return;
    const key = event.key.toLowerCase();
    if (key === "z") pair?.classList.toggle("larger");
    else if (key === "b") pair?.classList.toggle("one");
    else if (key === "n") next();
    else if (key === "?") help?.toggleAttribute("open");
    else if (key === "arrowleft") press("back");
    else if (["1", "2", "3", "f", "p", "a"].includes(key)) press(key);
    else return;
    event.preventDefault();
  });

  // Marking: a rectangle drawn over the picture after redaction, in its own pixels.
  const picture = after?.querySelector("img");
  const drawn = after?.querySelector("svg.marks");
  if (!picture || !drawn || !document.body.dataset.mark) return;
  const place = (event) => {
    const box = picture.getBoundingClientRect();
    const limit = (value, most) => Math.max(0, Math.min(most, value));
    return [
      limit(((event.clientX - box.left) / box.width) * picture.naturalWidth, picture.naturalWidth),
      limit(((event.clientY - box.top) / box.height) * picture.naturalHeight, picture.naturalHeight),
    ];
  };
  let start = null;
  let rect = null;
  const shape = (event) => {
    const [x, y] = place(event);
    return [Math.min(x, start[0]), Math.min(y, start[1]), Math.abs(x - start[0]), Math.abs(y - start[1])];
  };
  after.addEventListener("pointerdown", (event) => {
    start = place(event);
    rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    drawn.append(rect);
    after.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  after.addEventListener("pointermove", (event) => {
    if (start === null) return;
    ["x", "y", "width", "height"].forEach((name, at) => rect.setAttribute(name, shape(event)[at]));
  });
  after.addEventListener("pointerup", (event) => {
    if (start === null) return;
    const box = shape(event).map((one) => Math.round(one));
    start = null;
    if (box[2] < 2 || box[3] < 2) rect.remove();
    else marks.push(box);
  });
  document.querySelectorAll("form.marking button[data-labels]").forEach((button) => {
    button.addEventListener("click", async (event) => {
      if (marks.length === 0) return;
      event.preventDefault();
      const answer = await fetch(button.formAction, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ boxes: marks }),
      });
      location.assign(answer.url);
    });
  });
})();
