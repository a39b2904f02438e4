import { namedFiles, tableRows, unknownTests } from '../support/named-tests';

/** Every promise and the tests that check it. */
const PROMISES = tableRows('docs/promises.md')
  .filter(([promise]) => promise !== 'Promise')
  .map(([promise, checkedBy]) => ({ promise: promise!, checkedBy: checkedBy! }));

test('the page of promises has a table', () => {
  expect(PROMISES.length).toBeGreaterThan(40);
});

test.each(PROMISES)('the promise "$promise" names existing tests', ({ checkedBy }) => {
  expect(namedFiles(checkedBy)).not.toEqual([]);
  expect(unknownTests(checkedBy)).toEqual([]);
});
