/**
 * Names that look alike and differ in bytes: `é` is one character (NFC, as most keyboards write it) or `e` and an accent
 * (NFD, as older file systems of macOS and archives from there have it). https://unicode.org/reports/tr15/
 */

// oxlint-disable-next-line no-control-regex -- all of ASCII is the subject
const ASCII_START = /^[\0-\x7f]*/;

/** Whether `text` may have another form. */
export function hasForms(text: string): boolean {
  return ASCII_START.exec(text)![0].length < text.length;
}

/** The same for all forms of a text. */
export function commonForm(text: string): string {
  return text.normalize('NFC');
}

/** How all forms of `text` begin: an accent may belong to the last letter before it. */
export function commonStart(text: string): string {
  const [start] = ASCII_START.exec(text)!;
  return start.length < text.length ? start.slice(0, -1) : text;
}

/** Names by their common form; of several that share one, the first. */
export function byForm(names: Iterable<string>): Map<string, string> {
  const forms = new Map<string, string>();
  for (const name of names) {
    const form = commonForm(name);
    if (!forms.has(form)) forms.set(form, name);
  }
  return forms;
}
