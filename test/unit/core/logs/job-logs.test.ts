import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { timeStamp } from '../../../../core/local-batch/attempt';
import { FileJobLogs, type LogLine } from '../../../../core/logs/job-logs';
import { useScratchFolder } from '../../../support/scratch-folder';

const at = useScratchFolder();
const STREAM = { group: '', name: 'logs/job/0-1.log' };

async function readAll(from?: string): Promise<{ lines: LogLine[]; next: string; pages: number }> {
  const logs = new FileJobLogs(at());
  const lines: LogLine[] = [];
  let next = from;
  for (let pages = 1; ; pages += 1) {
    const page = await logs.readPage(STREAM, next);
    if (!page) throw new Error('no log');
    lines.push(...page.lines);
    next = page.next;
    if (page.isLast) return { lines, next, pages };
  }
}

beforeEach(() => mkdirSync(at('logs/job'), { recursive: true }));

test('readPage returns whole lines with their times, if they have one', async () => {
  const begun = `${timeStamp(5)}first\n`;
  writeFileSync(at(STREAM.name), `${begun}without a time\n\n${timeStamp(7)}sec`);
  const first = await readAll();
  expect(first.lines).toEqual([{ at: 5, text: 'first' }, { text: 'without a time' }, { text: '' }]);
  appendFileSync(at(STREAM.name), 'ond\n');
  expect((await readAll(first.next)).lines).toEqual([{ at: 7, text: 'second' }]);
});

test('a log of several pages has no repeated or torn line', async () => {
  const lines = Array.from({ length: 30_000 }, (_, i) => `line ${i} äöü ${'x'.repeat(i % 97)}`);
  writeFileSync(at(STREAM.name), lines.map((line, i) => `${timeStamp(i)}${line}\n`).join(''));
  const read = await readAll();
  expect(read.pages).toBeGreaterThan(2);
  expect(read.lines).toEqual(lines.map((text, i) => ({ at: i, text })));
});

test('a line that fills a page does not stop the reading', async () => {
  writeFileSync(at(STREAM.name), `${'x'.repeat(3 * 1024 * 1024)}\nlast\n`);
  const { lines } = await readAll();
  expect(lines.at(-1)).toEqual({ text: 'last' });
  expect(lines.map(({ text }) => text.length).reduce((a, b) => a + b)).toBe(3 * 1024 * 1024 + 4);
});

test('a missing log has no page, and an empty log has no lines', async () => {
  expect(await new FileJobLogs(at()).readPage(STREAM)).toBeUndefined();
  writeFileSync(at(STREAM.name), '');
  expect((await readAll()).lines).toEqual([]);
});
