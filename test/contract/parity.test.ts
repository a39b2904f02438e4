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
