"use strict";
// Everything is put in as text: what a plan, a lookup or a caller says is never markup.
const zh = navigator.language.startsWith("zh");
document.documentElement.lang = zh ? "zh" : "en";
const words = zh
  ? { name: "账号", password: "密码", code: "动态口令（如有）", enter: "登录", leave: "退出", idle: "没有通话", rings: "振铃", talks: "通话中",
      lapsed: "话术已失效，不能使用", agent: "坐席", customer: "客户", excused: "豁免", withdrawn: "撤回", lost: "连接中断，正在重连" }
  : { name: "Account", password: "Password", code: "One-time code (if any)", enter: "Log in", leave: "Log out", idle: "No call", rings: "rings", talks: "talks",
      lapsed: "this script has lapsed and cannot be used", agent: "agent", customer: "customer", excused: "excused", withdrawn: "taken back",
      lost: "connection lost, trying again" };
const byId = (id) => document.getElementById(id);
const make = (tag, text, cls) => {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  if (cls) made.className = cls;
  return made;
};
const post = (path, body) =>
  fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

function shown(one) {
  if (one.kind === "script") {
    const quote = make("blockquote");
    quote.append(make("strong", one.name + " " + one.version), make("div", one.text));
    return quote;
  }
  if (one.kind === "lapsed") return make("p", one.name + ": " + words.lapsed, "text");
  const card = make("div", "", "card");
  card.append(make("strong", one.title));
  if (one.text) card.append(make("div", one.text));
  if (one.link && /^https?:\/\//.test(one.link)) {
    const link = make("a", one.link);
    link.href = one.link;
    link.target = "_blank";
    link.rel = "noreferrer noopener";
    card.append(link);
  }
  return card;
}

function call(page) {
  const section = make("section", "", page.stage);
  section.dataset.call = page.call;
  section.append(make("h2", page.caller + " · " + (words[page.stage] || page.stage)));
  const values = page.shows.filter((one) => one.kind === "value");
  if (values.length) {
    const list = make("dl");
    for (const one of values) list.append(make("dt", one.name), make("dd", one.text));
    section.append(list);
  }
  for (const one of page.shows) if (one.kind !== "value") section.append(shown(one));
  for (const text of page.texts.slice().reverse()) section.append(make("div", text, "text"));
  for (const one of page.cards.slice().reverse()) section.append(shown(one));
  for (const hit of page.hits.slice().reverse()) {
    const state = hit.withdrawn ? "withdrawn" : hit.excused ? "excused" : "";
    const who = hit.agent ? words.agent : words.customer;
    const text = who + ": “" + hit.phrase + "” (" + hit.set + " " + hit.version + ") " + (hit.from_ms / 1000).toFixed(1) + " s";
    section.append(make("div", text + (state ? ", " + words[state] : ""), "hit " + state));
  }
  return section;
}

function draw(pages) {
  const calls = pages.slice().reverse().map(call);
  byId("calls").replaceChildren(...(calls.length ? calls : [make("p", words.idle, "idle")]));
}

let events = null;
function leave() {
  if (events) events.close();
  events = null;
  byId("calls").replaceChildren();
  byId("who").textContent = "";
  byId("leave").hidden = true;
  byId("enter").hidden = false;
}

async function begin() {
  const me = await fetch("/me");
  if (!me.ok) return leave();
  const { account, user } = await me.json();
  byId("who").textContent = account === user ? user : account + " · " + user;
  byId("enter").hidden = true;
  byId("leave").hidden = false;
  events = new EventSource("/events");
  events.onmessage = (event) => draw(JSON.parse(event.data));
  events.addEventListener("over", leave);
  events.onerror = () => {
    byId("calls").replaceChildren(make("p", words.lost, "idle"));
    if (events && events.readyState === EventSource.CLOSED) leave();
  };
}

for (const one of document.querySelectorAll("[data-text]")) one.textContent = words[one.dataset.text];
byId("leave").textContent = words.leave;
byId("leave").onclick = async () => {
  await post("/logout", {});
  leave();
};
byId("enter").onsubmit = async (event) => {
  event.preventDefault();
  const [name, password, code] = ["name", "password", "code"].map((id) => byId(id).value);
  const answer = await post("/login", { name, password, code: code || null });
  byId("password").value = byId("code").value = "";
  byId("refused").textContent = answer.ok ? "" : await answer.text();
  if (answer.ok) begin();
};
begin();
