// @ts-check
/**
 * The app of docs/better-auth.md, word for word: its login form, and whoever is signed in everywhere else.
 * @module
 */
import { createElement } from "react";
import { createRoot } from "react-dom/client";

// @ts-expect-error: only the bundler knows where the documentation is.
import { Account } from "@/components/account";
// @ts-expect-error: likewise.
import { LoginForm } from "@/components/login-form";

const root = document.getElementById("root");
if (root) createRoot(root).render(createElement(location.pathname === "/login" ? LoginForm : Account));
