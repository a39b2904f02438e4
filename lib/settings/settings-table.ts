import { APP_SETTINGS } from './account-settings';
import { SETTINGS } from './settings';

const START = '<!-- settings -->';
const END = '<!-- /settings -->';

/** The page with the table of all settings between its marks. Throws if a mark is missing. */
export function withSettingsTable(page: string): string {
  const from = page.indexOf(START);
  const to = page.indexOf(END);
  if (from === -1 || to < from) throw new Error(`the page has no ${START} followed by ${END}`);
  return `${page.slice(0, from)}${START}\n\n${settingsTable()}\n\n${page.slice(to)}`;
}

/** A Markdown table with padded columns, as the formatter writes it. */
function settingsTable(): string {
  const rows = SETTINGS.map(({ name, allowed, defaultValue, description }) => [
    `\`${name}\``,
    allowed,
    defaultValue === undefined ? '' : `\`${JSON.stringify(defaultValue)}\``,
    description,
  ]);
  const all = [['Setting', 'Allowed', 'Default', 'Description'], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const lines = all.map(
    (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`,
  );
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [lines[0], rule, ...lines.slice(1)].join('\n');
}

const WIDTH = 110;

/** The TypeScript file with an interface of the settings that are props of the construct. */
export function settingsInterface(): string {
  const ofFarm = SETTINGS.filter(({ name }) => !APP_SETTINGS.includes(name));
  const properties = ofFarm.map(({ name, type, allowed, defaultValue, description }) => {
    const text = `${description[0]!.toUpperCase()}${description.slice(1)}. Allowed: ${allowed}.`;
    const fallback = defaultValue === undefined ? '- none' : JSON.stringify(defaultValue);
    const comment = [...wrapped(text), `@default ${fallback}`].map((line) => `   * ${line}\n`).join('');
    return `  /**\n${comment}   */\n  readonly ${name}?: ${type === 'array' ? 'readonly string[]' : type};\n`;
  });
  return `// "npm run docs" writes this file from the schema in lib/settings/settings.ts.

/** The settings of a farm. All are optional. */
export interface FarmSettings {
${properties.join('')}}
`;
}

/** Lines of whole words, at most `WIDTH` characters each if the words are shorter. */
function wrapped(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < WIDTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
