import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { judgeJobs } from '../../cli/prove/judge-jobs';
import { judgeMachines } from '../../cli/prove/judge-machine';
import { goodFacts } from '../support/prove-facts';
import { ROOT } from '../support/source-files';
import { namedFiles, tableRows, unknownTests } from '../support/named-tests';

/** Every row of the table: its number, and what shows it. */
const ROWS = tableRows('docs/parity.md')
  .filter(([number]) => /^\d+$/.test(number ?? ''))
  .map((cells) => ({ row: Number(cells[0]), shownBy: cells[3]! }));

test('the parity table has every row of the workshop', () => {
  expect(ROWS.map(({ row }) => row)).toEqual(Array.from({ length: 28 }, (_, index) => index + 1));
});

test.each(ROWS.filter(({ shownBy }) => namedFiles(shownBy).length > 0))(
  'row $row of the parity table names existing tests',
  ({ shownBy }) => {
    expect(unknownTests(shownBy)).toEqual([]);
  },
);

describe('the list of what only a deployment can show', () => {
  const [, list = ''] = readFileSync(join(ROOT, 'docs/parity.md'), 'utf8').split(
    '## What only a deployment can show',
  );
  const [proved = ''] = list.split('No check of `prove` tries these points:');
  const checks = [...judgeMachines(goodFacts()), ...judgeJobs(goodFacts())].map(({ name }) => name);
  const points = (text: string) => text.split(/^- /m).slice(1);

  test('names a check of prove in each point that prove tries', () => {
    expect(points(proved).length).toBeGreaterThan(5);
    expect(points(proved).filter((point) => !checks.some((name) => point.includes(`\`${name}\``)))).toEqual(
      [],
    );
  });

  test('names every check of prove', () => {
    expect(checks.filter((name) => !proved.includes(`\`${name}\``))).toEqual([]);
  });
});
