import type { Synced } from "../../src/sync.js";

/** A page whose clock, cookies and events a test moves. */
export class FakePage extends EventTarget implements Synced {
  document = Object.assign(new EventTarget(), { cookie: "theme=dark; vestibule_hint=h1" });
  cookieStore = new EventTarget();
  location = { pathname: "/dashboard", reload: () => void (this.reloads += 1) };
  reloads = 0;
  time = 0;
  timers: { at: number; run: () => void }[] = [];
  navigation = "navigate";
  performance = { now: () => this.time, getEntriesByType: () => [{ type: this.navigation }] };
  setTimeout = (run: () => void, ms: number) => this.timers.push({ at: this.time + ms, run });

  pass(ms: number): void {
    for (const end = this.time + ms; ; ) {
      const next = this.timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) return void (this.time = end);
      this.timers.splice(this.timers.indexOf(next), 1);
      this.time = next.at;
      next.run();
    }
  }

  become(hint: string): void {
    this.document.cookie = `vestibule_hint=${hint}`;
  }
}
