// The first page: a key, and where one comes from.

import { announce, field, h, section } from "./dom.js";
import { shownProblem } from "./api.js";

/** Ask for a key and hand it to `enter`, which refuses or goes on. */
export function signInPage(body, enter) {
  const input = h("input", {
    type: "password", name: "key", required: true, autocomplete: "off", spellcheck: "false",
    autocapitalize: "off", placeholder: "plant_…",
  });
  const wrong = h("div", {});
  const button = h("button", { type: "submit", class: "main" }, "Sign in");
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    wrong.replaceChildren();
    try {
      await enter(input.value.trim());
      announce("Signed in.");
    } catch (fault) {
      wrong.replaceChildren(shownProblem(fault));
      button.disabled = false;
      input.focus();
    }
  };
  body.append(
    h("p", { class: "lead" },
      "See what a registry holds, who certified it, and check the proof of it in this browser."),
    h("form", { class: "card narrow", onsubmit: submit },
      field("API key", input,
        "It stays in this tab, is sent to this service alone, and is gone when the tab is closed."),
      wrong,
      h("p", {}, button)),
    section("Where does a key come from?", h("p", {}, h("code", {}, "make run"), " prints two for its sample, of the governance agents ",
      h("b", {}, "author"), " and ", h("b", {}, "certifier"),
      ". In a registry of your own whoever runs it makes one:"),
    h("pre", { tabindex: "0" }, "plant key create --tenant TENANT --agent NAME --scopes read,audit"),
    h("p", { class: "mild" },
      "read shows the registry, audit the entries of the log; write and certify take steps of the life cycle.")),
  );
}
