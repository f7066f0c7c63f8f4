"use strict";
(() => {
  document.documentElement.classList.add("js");

  const value = (row, column) => {
    const cell = row.cells[column];
    const raw = cell.dataset.value ?? cell.textContent.trim();
    const number = Number(raw);
    return raw !== "" && !Number.isNaN(number) ? number : raw;
  };
  const compare = (a, b) => {
    if (a === "" || b === "") return a === b ? 0 : a === "" ? 1 : -1;
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), "en", { numeric: true });
  };

  for (const table of document.querySelectorAll("table[data-sort]")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      if (head.hasAttribute("data-fixed")) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const body = table.tBodies[0];
        const rows = [...body.rows].map((row) => [value(row, column), row]);
        rows.sort(([a], [b]) => (down && a !== "" && b !== "" ? compare(b, a) : compare(a, b)));
        body.append(...rows.map(([, row]) => row));
      });
    });
  }

  for (const form of document.querySelectorAll("form.filter")) {
    const body = document.getElementById(form.dataset.table).tBodies[0];
    const output = form.querySelector("output");
    const apply = () => {
      const data = new FormData(form);
      const words = (data.get("text") || "").toLowerCase().split(/\s+/).filter(Boolean);
      const ticks = new Set(data.getAll("severity"));
      const hasTicks = form.querySelector("[name=severity]") !== null;
      const code = data.get("code") || "";
      let shown = 0;
      for (const row of body.rows) {
        row.text ??= row.textContent.toLowerCase();
        const fits = words.every((word) => row.text.includes(word))
          && (!hasTicks || ticks.has(row.dataset.severity))
          && (!code || row.dataset.code === code);
        row.hidden = !fits;
        shown += fits;
      }
      output.textContent = `${shown.toLocaleString("en")} of ${body.rows.length.toLocaleString("en")} shown`;
    };
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && event.target.type === "search") { event.target.value = ""; apply(); }
    });
    apply();
  }

  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName ?? "");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
      const search = document.querySelector("form.filter input[type=search]");
      if (search) { event.preventDefault(); search.focus(); search.scrollIntoView({ block: "center" }); }
    }
  });

  const dialog = document.querySelector("dialog");
  const openers = [...document.querySelectorAll("button.open")];
  if (dialog && openers.length) {
    const image = dialog.querySelector("img");
    const text = dialog.querySelector("span");
    const link = dialog.querySelector("a");
    let at = 0;
    const show = (index) => {
      at = (index + openers.length) % openers.length;
      const figure = openers[at].closest("figure");
      const large = openers[at].dataset.large;
      image.src = large || figure.querySelector("img").src;
      image.alt = figure.querySelector("img").alt;
      text.textContent = image.alt;
      link.hidden = !openers[at].dataset.page;
      if (!link.hidden) link.href = openers[at].dataset.page;
    };
    image.addEventListener("error", () => {
      const small = openers[at].querySelector("img").src;
      if (image.src !== small) image.src = small;
    });
    openers.forEach((button, index) => button.addEventListener("click", () => { show(index); dialog.showModal(); }));
    dialog.addEventListener("keydown", (event) => {
      if (event.key === "ArrowRight") show(at + 1);
      if (event.key === "ArrowLeft") show(at - 1);
    });
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    dialog.querySelector("[data-act=before]").addEventListener("click", () => show(at - 1));
    dialog.querySelector("[data-act=after]").addEventListener("click", () => show(at + 1));
    dialog.querySelector("[data-act=close]").addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => openers[at].focus());
  }
})();
