/**
 * Text for a terminal: names and messages that come from a scene may hold control characters, which could move the
 * cursor or rewrite what stands there. Line breaks stay.
 */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what it is about
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
