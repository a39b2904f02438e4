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
