import assert from "node:assert/strict";
import { test } from "node:test";

import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";

import { useSession, useSignIn, useSignOut, useSignUp } from "../../src/client.js";

test("n1_every_form_works_without_javascript_and_never_puts_a_password_into_an_address", () => {
  for (const [use, action] of [[useSignIn, "/login"], [useSignUp, "/register"], [useSignOut, "/logout"]] as const) {
    const Form = () => createElement("form", use().form);
    assert.equal(renderToStaticMarkup(createElement(Form)), `<form action="${action}" method="post"></form>`);
  }
});

test("a form begins neither pending nor refused", () => {
  const Form = () => {
    const { pending, error, fields } = useSignIn({ next: "/inbox" });
    return JSON.stringify({ pending, error, fields });
  };
  assert.match(renderToStaticMarkup(createElement(Form)).replaceAll("&quot;", '"'), /^\{"pending":false,"error":null,"fields":\{\}\}$/);
});

test("a server renders a session as not known yet, and asks nothing", () => {
  const Who = () => String(useSession().pending);
  assert.equal(renderToStaticMarkup(createElement(Who)), "true");
});
