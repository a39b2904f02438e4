/** Of `report.html`. Colours of the two schemes differ enough in lightness to be told apart by anyone. */
export const REPORT_STYLE = `
:root { --text: #1c1e21; --quiet: #5d646d; --ground: #fff; --line: #d7dbe0; --bar: #2f6fd0; --done: #2a8a57;
  --stopped: #d18a00; --lost: #8a5bc7; --failed: #c53030; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e8eb; --quiet: #9aa3ad; --ground: #16181b; --line: #363b42;
  --bar: #6ea3f2; --done: #56c288; --stopped: #f0b13c; --lost: #b896ec; --failed: #f07575; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; }
p { margin: .4rem 0; overflow-wrap: anywhere; }
.quiet, .none, .tick, .legend { color: var(--quiet); }
.state { font-size: 1.15rem; font-weight: 600; }
.complete { color: var(--done); }
.partial { color: var(--failed); }
video, .sheet { display: block; width: 100%; height: auto; margin: 1rem 0; border-radius: 4px; background: #000; }
svg { display: block; width: 100%; height: auto; }
@media (max-width: 45rem) { .wide svg { width: 48rem; } }
.axis { fill: none; stroke: var(--line); }
.tick { font-size: 13px; fill: var(--quiet); }
.bar { fill: var(--bar); }
.stretch.done, .key.done { fill: var(--done); background: var(--done); }
.stretch.stopped, .key.stopped { fill: var(--stopped); background: var(--stopped); }
.stretch.lost, .key.lost { fill: var(--lost); background: var(--lost); }
.stretch.failed, .key.failed { fill: var(--failed); background: var(--failed); }
.legend { font-size: .9rem; }
.key { display: inline-block; width: .8em; height: .8em; margin: 0 .3em 0 .8em; border-radius: 2px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line); }
td { overflow-wrap: anywhere; }
.pairs th { font-weight: 400; color: var(--quiet); }
ul { padding-left: 1.1rem; }
li { margin: .4rem 0; overflow-wrap: anywhere; }
.severity { font-weight: 600; }
.severity.error { color: var(--failed); }
.severity.warning { color: var(--stopped); }
a { color: var(--bar); }
`;
