"use strict";
(() => {
  const find = document.getElementById("find");
  if (!find) return;
  document.documentElement.classList.add("js");
  const kind = document.getElementById("kind");
  const found = document.getElementById("found");
  const others = document.getElementById("others");
  const body = document.getElementById("other-rows");
  const more = document.getElementById("more");
  const PAGE = 50;
  const SHOWN = 14;
  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const cards = [...document.querySelectorAll(".card")].map((element) => ({
    element,
    kinds: element.dataset.kinds.split(" "),
    text: fold(element.querySelector(".caption").textContent),
  }));
  let rows = [];
  let rowsReady = false;
  const unpack = async () => {
    const packed = Uint8Array.from(atob(document.getElementById("rows").textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const data = JSON.parse(await new Response(stream).text());
    rows = data.rows.map(([row, link, kinds, tags]) => {
      const names = tags.map((index) => data.names[index]);
      return { row, link, names, kinds: kinds.split(" "), text: fold(`${row} ${link} ${names.join(" ")}`) };
    });
    rowsReady = true;
  };
  let matches = [];

  const fits = (one, terms, kinds) =>
    terms.every((term) => one.text.includes(term)) && (!kinds.length || kinds.some((k) => one.kinds.includes(k)));

  const cell = (text) => {
    const td = document.createElement("td");
    const isolated = document.createElement("bdi");
    isolated.textContent = text;
    td.append(isolated);
    return td;
  };

  const list = (from) => {
    for (const one of matches.slice(from, from + PAGE)) {
      const tr = document.createElement("tr");
      tr.append(cell(String(one.row)), cell((one.names.slice(0, SHOWN).join(", ") + (one.names.length > SHOWN ? ", …" : "")) || (one.kinds.includes("left") ? "not tagged" : "nothing found")), cell(one.link));
      body.append(tr);
    }
    more.hidden = body.children.length >= matches.length;
  };

  const update = () => {
    const terms = fold(find.value).split(/\s+/).filter(Boolean);
    const kinds = kind.value.split(" ").filter(Boolean);
    let visible = 0;
    for (const card of cards) {
      card.element.hidden = !fits(card, terms, kinds);
      visible += card.element.hidden ? 0 : 1;
    }
    const asked = terms.length > 0 || kinds.length > 0;
    matches = asked ? rows.filter((one) => fits(one, terms, kinds)) : [];
    body.replaceChildren();
    list(0);
    others.hidden = matches.length === 0;
    const number = (n) => n.toLocaleString("en");
    const rest = matches.length ? `, ${number(matches.length)} of them without a thumbnail` : "";
    const still = rowsReady ? "" : " (still reading the others)";
    const searched = cards.length + rows.length;
    found.textContent = asked ? `${number(visible + matches.length)} of ${number(searched)} pictures match${rest}${still}` : "";
  };

  find.form.addEventListener("submit", (event) => event.preventDefault());
  find.addEventListener("input", update);
  kind.addEventListener("change", update);
  more.addEventListener("click", () => list(body.children.length));
  document.getElementById("boxes").addEventListener("change", (event) => {
    document.documentElement.classList.toggle("all-boxes", event.target.checked);
  });
  document.addEventListener("click", (event) => {
    const picture = event.target.closest(".picture");
    if (picture) picture.setAttribute("aria-pressed", String(picture.getAttribute("aria-pressed") !== "true"));
    const name = event.target.closest("[data-find]");
    if (name) {
      find.value = name.dataset.find;
      kind.value = "";
      update();
    }
    const example = event.target.closest(".examples a, .strip a");
    if (example && (find.value || kind.value)) {
      find.value = "";
      kind.value = "";
      update();
    }
  });
  update();
  unpack().then(update, () => {
    rowsReady = true;
    update();
  });
})();
