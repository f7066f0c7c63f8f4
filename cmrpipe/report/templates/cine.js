"use strict";
(() => {
  const player = document.querySelector(".cine");
  if (!player) return;
  const cine = JSON.parse(player.dataset.cine);
  const svg = "http://www.w3.org/2000/svg";

  const draw = (target, slice, at) => {
    const drawing = target.querySelector("svg");
    drawing.replaceChildren(...(cine.slices[slice].outlines[cine.slices[slice].frames[at]] ?? []).map((outline) => {
      const shape = document.createElementNS(svg, "polygon");
      shape.setAttribute("points", outline.points);
      shape.setAttribute("class", `o-${outline.kind}${outline.out ? " o-out" : ""}`);
      return shape;
    }));
    const count = cine.slices[slice].frames.length;
    target.style.backgroundImage = `url("${cine.slices[slice].source}")`;
    target.style.backgroundSize = `${count * 100}% 100%`;
    target.style.backgroundPosition = `${count > 1 ? (100 * at) / (count - 1) : 0}% 0`;
  };

  const screen = player.querySelector(".screen");
  const output = player.querySelector("output");
  const button = player.querySelector("[data-act=play]");
  const field = (name) => player.querySelector(`[name=${name}]`);
  let slice = Math.floor(cine.slices.length / 2);
  let at = 0;
  let timer = null;
  field("slice").max = cine.slices.length - 1;

  const probe = new Image();
  probe.addEventListener("error", () => { document.querySelector(".lost").hidden = false; });

  const show = () => {
    const { index, frames } = cine.slices[slice];
    at = (at + frames.length) % frames.length;
    field("slice").value = slice;
    field("frame").max = frames.length - 1;
    field("frame").value = at;
    draw(screen, slice, at);
    screen.querySelector("svg").style.display = field("outlines").checked ? "" : "none";
    output.textContent = `slice ${index}, frame ${frames[at]}`;
  };
  const play = (on) => {
    clearInterval(timer);
    timer = on ? setInterval(() => { at += 1; show(); }, 1000 / Number(field("speed").value)) : null;
    button.textContent = on ? "Stop" : "Play";
    button.setAttribute("aria-pressed", String(on));
  };
  button.addEventListener("click", () => play(timer === null));
  field("slice").addEventListener("input", (event) => { slice = Number(event.target.value); show(); });
  field("frame").addEventListener("input", (event) => { play(false); at = Number(event.target.value); show(); });
  field("speed").addEventListener("input", () => { if (timer !== null) play(true); });
  field("outlines").addEventListener("input", show);
  player.addEventListener("keydown", (event) => {
    if (event.target !== player) return;
    const last = cine.slices.length - 1;
    const act = {
      " ": () => play(timer === null),
      ArrowRight: () => { play(false); at += 1; show(); },
      ArrowLeft: () => { play(false); at -= 1; show(); },
      ArrowDown: () => { slice = Math.min(last, slice + 1); show(); },
      ArrowUp: () => { slice = Math.max(0, slice - 1); show(); },
    }[event.key];
    if (act) { event.preventDefault(); act(); }
  });

  const still = (target, s, frame) => {
    const { frames } = cine.slices[s];
    const at0 = frames.indexOf(frame);
    for (const step of [-1, 0, 1]) {
      const at1 = (at0 + step + frames.length) % frames.length;
      const box = document.createElement("div");
      box.innerHTML = '<div class="still"><svg viewBox="0 0 100 100" aria-hidden="true"></svg></div><p></p>';
      box.querySelector("p").textContent = `frame ${frames[at1]}`;
      draw(box.querySelector(".still"), s, at1);
      target.append(box);
    }
  };
  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      if (target === player) { show(); probe.src = cine.slices[slice].source; continue; }
      const s = cine.slices.findIndex((item) => item.index === Number(target.dataset.slice));
      if (s >= 0 && cine.slices[s].frames.includes(Number(target.dataset.frame))) still(target, s, Number(target.dataset.frame));
    }
  }, { rootMargin: "300px" });
  near.observe(player);
  document.querySelectorAll(".stills").forEach((target) => near.observe(target));
})();
