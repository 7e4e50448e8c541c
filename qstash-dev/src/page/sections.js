// Everything that is listed beside messages: queues, schedules, URL groups, flow control, dead letters.

import { bodyOf, bodyView } from "./body.js";
import { call } from "./connection.js";
import { arrange, button, carefulButton, element } from "./dom.js";
import { count, span } from "./format.js";
import { statusMark, timeMark } from "./marks.js";
import { clockIsAhead } from "./messages.js";
import { act } from "./notices.js";

const MOST_ROWS = 200;

// A section: where its entries come from, how one is recognised, and what its columns hold.
const SECTIONS = {
  queues: {
    title: "Queues",
    path: "/v2/queues",
    key: (queue) => queue.name,
    columns: {
      "": (queue) => activity(queue.paused, queue.lag > 0 ? "Working" : "Idle"),
      Name: (queue) => searchLink(queue.name, `queue:${queue.name}`),
      Waiting: (queue) => count(queue.lag),
      Parallelism: (queue) => parallelism(queue),
      Created: (queue) => timeMark(queue.createdAt),
    },
    actions: (queue) => {
      const path = `/v2/queues/${encodeURIComponent(queue.name)}`;
      return [pause(queue.paused, path), carefulButton("Delete", "Really delete?", () => act("Deleted", "DELETE", path))];
    },
    empty: "No queues. The first message that is enqueued to one makes it.",
    example: (origin) => `curl -X POST ${origin}/v2/enqueue/emails/http://127.0.0.1:3000/hook`,
  },
  schedules: {
    title: "Schedules",
    path: "/v2/schedules",
    key: (schedule) => schedule.scheduleId,
    columns: {
      "": (schedule) => activity(schedule.isPaused, "Running"),
      Cron: (schedule) => element("span", { class: "mono" }, schedule.cron),
      Destination: (schedule) => [
        element("span", { class: "mono" }, `${schedule.method} ${schedule.destination}`),
        element("details", {}, element("summary", {}, "Body"), bodyView(bodyOf(schedule, "body"), "Body")),
      ],
      Next: (schedule) => (schedule.isPaused || !schedule.nextScheduleTime ? "" : timeMark(schedule.nextScheduleTime)),
      Last: (schedule) => (schedule.lastScheduleTime ? timeMark(schedule.lastScheduleTime) : "never"),
      "Last run": lastRun,
      Id: (schedule) => searchLink(schedule.scheduleId, `schedule:${schedule.scheduleId}`),
    },
    actions: (schedule) => {
      const id = encodeURIComponent(schedule.scheduleId);
      return [
        button("Run now", () => act("It runs now", "POST", `/dev/schedules/${id}/run`)),
        pause(schedule.isPaused, `/v2/schedules/${id}`),
        carefulButton("Delete", "Really delete?", () => act("Deleted", "DELETE", `/v2/schedules/${id}`)),
      ];
    },
    empty: "No schedules.",
    example: (origin) => `curl -X POST ${origin}/v2/schedules/http://127.0.0.1:3000/hook \\\n  -H "Upstash-Cron: */5 * * * *"`,
  },
  dead: {
    title: "Dead letters",
    path: "/dev/dlq",
    key: (letter) => letter.dlqId,
    columns: {
      Failed: (letter) => timeMark(Number(letter.dlqId.split("-")[0])),
      Message: (letter) => element("a", { class: "link mono", href: `#/messages/${encodeURIComponent(letter.messageId)}` }, `${letter.method} ${letter.url}`),
      Why: (letter) => element("span", { class: "why" }, letter.error),
      Labels: (letter) => letter.labels.join(", "),
    },
    actions: (letter) => {
      const id = encodeURIComponent(letter.dlqId);
      return [
        button("Retry", () => act("Published once more", "POST", `/v2/dlq/retry/${id}`), { class: "main" }),
        carefulButton("Delete", "Really delete?", () => act("Deleted", "DELETE", `/v2/dlq/${id}`)),
      ];
    },
    all: (letters) => {
      const ids = letters.map((letter) => letter.dlqId);
      const which = "all";
      return [
        carefulButton(`Retry ${which}`, `Really retry ${ids.length}?`, () => act(`Published ${ids.length} once more`, "POST", "/v2/dlq/retry", { dlqIds: ids })),
        carefulButton(`Delete ${which}`, `Really delete ${ids.length}?`, () => act(`Deleted ${ids.length}`, "DELETE", "/v2/dlq", { dlqIds: ids })),
      ];
    },
    empty: "No dead letters. A message that fails in all of its attempts ends here.",
  },
  groups: {
    title: "URL groups",
    path: "/v2/topics",
    key: (group) => group.name,
    columns: {
      Name: (group) => searchLink(group.name, `group:${group.name}`),
      Endpoints: (group) => element("ul", {}, group.endpoints.map((endpoint) =>
        element("li", {}, endpoint.name ? `${endpoint.name}: ` : "", element("span", { class: "mono" }, endpoint.url)))),
      Changed: (group) => timeMark(group.updatedAt),
    },
    empty: "No URL groups.",
    example: (origin) => `curl -X POST ${origin}/v2/topics/everybody/endpoints \\\n  -d '{"endpoints": [{"url": "http://127.0.0.1:3000/hook"}]}'`,
  },
  refused: {
    title: "Refused calls",
    path: "/dev/refusals",
    key: (call) => `${call.time} ${call.method} ${call.path} ${call.error}`,
    columns: {
      At: (call) => timeMark(call.time + clockIsAhead()),
      Status: (call) => statusMark(call.status),
      Call: (call) => element("span", { class: "mono" }, `${call.method} ${call.path}`),
      Why: (call) => element("span", { class: "why" }, call.error),
    },
    empty: "No call of the API was refused.",
  },
  flow: {
    title: "Flow control",
    path: "/v2/flowControl",
    key: (flow) => flow.flowControlKey,
    columns: {
      "": (flow) => activity(flow.isPaused, flow.waitListSize > 0 ? "Holding back" : "Free"),
      Key: (flow) => searchLink(flow.flowControlKey, `flow:${flow.flowControlKey}`),
      Waiting: (flow) => count(flow.waitListSize ?? 0),
      Running: (flow) => (flow.parallelismMax ? `${flow.parallelismCount ?? 0} of ${flow.parallelismMax}` : ""),
      "In this period": (flow) => (flow.rateMax ? `${flow.rateCount ?? 0} of ${flow.rateMax} in ${span(flow.ratePeriod * 1000)}` : ""),
    },
    actions: (flow) => pause(flow.isPaused, `/v2/flowControl/${encodeURIComponent(flow.flowControlKey)}`),
    empty: "No message has asked for flow control.",
    example: (origin) => `curl -X POST ${origin}/v2/publish/http://127.0.0.1:3000/hook \\\n  -H "Upstash-Flow-Control-Key: slow" -H "Upstash-Flow-Control-Value: rate=1, period=10s"`,
  },
};

const ACTIVITIES = { Paused: "retry", Working: "active", "Holding back": "retry" };

function activity(paused, otherwise) {
  const text = paused ? "Paused" : otherwise;
  return element("span", { class: `state ${ACTIVITIES[text] ?? "delivered"}` }, text);
}

// How many messages of a queue are delivered at once, to be changed.
function parallelism(queue) {
  const input = element("input", { value: queue.parallelism, size: 3, inputmode: "numeric", "aria-label": `Parallelism of ${queue.name}` });
  const change = () => {
    if (input.value.trim() === String(queue.parallelism)) return;
    act("Changed", "POST", "/v2/queues", { queueName: queue.name, parallelism: Number(input.value) });
  };
  input.addEventListener("change", change);
  return input;
}

function pause(paused, path) {
  return paused
    ? button("Resume", () => act("Resumed", "POST", `${path}/resume`), { class: "main" })
    : button("Pause", () => act("Paused", "POST", `${path}/pause`));
}

function searchLink(text, words) {
  return element("a", { class: "link mono", href: `#/messages?${encodeURIComponent(words)}`, title: "its messages" }, text);
}

function lastRun(schedule) {
  if (schedule.error) return element("span", { class: "why" }, schedule.error);
  const states = Object.entries(schedule.lastScheduleStates ?? {});
  const kinds = { SUCCESS: "delivered", FAIL: "dead", IN_PROGRESS: "active" };
  const texts = { SUCCESS: "Delivered", FAIL: "Failed", IN_PROGRESS: "On its way" };
  return states.slice(0, 5).map(([id, state]) =>
    element("a", { class: `state ${kinds[state] ?? ""}`, href: `#/messages/${encodeURIComponent(id)}`, title: id }, texts[state] ?? state));
}

export const TITLES = Object.fromEntries(Object.entries(SECTIONS).map(([name, { title }]) => [name, title]));

const views = new Map();

// The place where a section is shown.
export function sectionView(name) {
  if (!views.has(name)) views.set(name, newView(SECTIONS[name]));
  return views.get(name).node;
}

function newView(section) {
  const search = element("input", { type: "search", placeholder: `Search ${section.title.toLowerCase()} …`, "aria-label": `Search ${section.title.toLowerCase()}`, oninput: () => draw(view) });
  const all = element("span", { class: "line" });
  // What the eye does not need: the state is a word in its own cell, and buttons say what they do.
  const unseen = (title) => element("span", { class: "unseen" }, title);
  const titles = Object.keys(section.columns).map((title) => title || unseen("State"));
  const heads = [...titles, unseen("Actions")].map((title) => element("th", { scope: "col" }, title));
  const body = element("tbody");
  const table = element("table", { class: "entries" }, element("thead", {}, element("tr", {}, heads)), body);
  const nothing = element("div", { class: "nothing" });
  const rest = element("p", { class: "pages soft" });
  const node = element("section", { class: "section", "aria-label": section.title },
    element("div", { class: "tools" }, search, element("span", { class: "gap" }), all), table, rest, nothing);
  const view = { section, node, search, all, body, table, nothing, rest, entries: [], rows: new Map() };
  return view;
}

// Reads a section anew, and draws it.
export async function refreshSection(name) {
  sectionView(name);
  const view = views.get(name);
  const answer = await call("GET", view.section.path);
  view.entries = answer.messages ?? answer.calls ?? answer;
  draw(view);
  return answer;
}

function draw(view) {
  const { section } = view;
  const words = view.search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const matching = view.entries.filter((entry) => {
    const text = words.length > 0 && JSON.stringify(entry).toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const rows = new Map();
  for (const entry of matching.slice(0, MOST_ROWS)) {
    const key = section.key(entry);
    const shows = JSON.stringify(entry);
    const before = view.rows.get(key);
    // A question that is about to be answered does not vanish, nor what is being typed; the row is drawn when that is done.
    const stays = before && (before.shows === shows || before.node.querySelector(".asking, input:focus"));
    rows.set(key, stays ? before : { shows, node: row(section, entry) });
  }
  view.rows = rows;
  arrange(view.body, [...rows.values()].map(({ node }) => node));
  view.table.hidden = matching.length === 0;
  view.rest.hidden = matching.length <= MOST_ROWS;
  view.rest.textContent = `${count(MOST_ROWS)} of ${count(matching.length)} are shown; search to see others.`;
  const ids = matching.map(section.key).join();
  if (view.all.dataset.for !== ids) {
    view.all.dataset.for = ids;
    view.all.replaceChildren(...(matching.length > 0 && section.all ? section.all(matching) : []));
  }
  view.nothing.hidden = matching.length > 0;
  if (matching.length === 0) {
    const text = view.entries.length > 0 ? "Nothing matches." : section.empty;
    const example = view.entries.length === 0 && section.example;
    view.nothing.replaceChildren(element("p", {}, text), example ? element("div", { class: "code" },
      element("pre", {}, `${example(location.origin)} \\\n  -H "Authorization: Bearer $QSTASH_TOKEN"`)) : "");
  }
}

function row(section, entry) {
  const cells = Object.entries(section.columns).map(([title, content]) => element("td", { data: { title } }, element("div", {}, content(entry))));
  return element("tr", {}, cells, element("td", { class: "actions" }, section.actions?.(entry)));
}
