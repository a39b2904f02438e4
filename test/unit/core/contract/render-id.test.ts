import { renderJobName, salvageJobName } from '../../../../core/contract/jobs';
import {
  asciiName,
  canonicalOptions,
  checkRenderName,
  renderIdOf,
} from '../../../../core/contract/render-id';

const identity = {
  source: new URL('s3://bucket/uploads/My%20Shot%20%C3%A9.blend'),
  etag: 'abc',
  options: {},
};

test("a render id is a slug of the file's name and 8 hex digits", () => {
  expect(renderIdOf(identity)).toMatch(/^My-Shot-é-[0-9a-f]{8}$/);
});

test('the same bytes at the same key with the same options are the same render', () => {
  const options = { frames: '1-3', samples: 4 };
  expect(renderIdOf({ ...identity, options })).toBe(
    renderIdOf({ ...identity, options: { samples: 4, frames: '1-3', scene: undefined } }),
  );
});

test.each([
  ['bytes', { etag: 'abd' }],
  ['key', { source: new URL('s3://bucket/uploads/x/My%20Shot%20%C3%A9.blend') }],
  ['bucket', { source: new URL('s3://other/uploads/My%20Shot%20%C3%A9.blend') }],
  ['options', { options: { frames: '1-3' } }],
])('other %s make another render', (_, change) => {
  expect(renderIdOf({ ...identity, ...change })).not.toBe(renderIdOf(identity));
});

test.each(['..blend', '%24(rm%20-rf).blend', '%E5%AD%97.blend', 'x'.repeat(300)])(
  'the id of %s is safe in keys and job names',
  (name) => {
    const id = renderIdOf({ ...identity, source: new URL(`s3://bucket/uploads/${name}`) });
    expect(checkRenderName(id)).toBe(id);
    expect(renderJobName(id)).toMatch(/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/);
  },
);

test.each([
  ['シーン 01', 'シーン-01'],
  ['Кадр-7', 'Кадр-7'],
  ['हिन्दी फ़िल्म', 'हिन्दी-फ़िल्म'],
  ['cafe\u0301', 'caf\u00e9'],
  ['\u202eevil\u3164', 'evil'],
  ['字'.repeat(300), '字'.repeat(60)],
  ['𠀋'.repeat(300), '𠀋'.repeat(47)],
])('the id of "%s" keeps the letters of its script', (name, slug) => {
  const source = new URL(`s3://bucket/uploads/${encodeURIComponent(name)}.blend`);
  const id = renderIdOf({ ...identity, source });
  expect(id.slice(0, -9)).toBe(slug.normalize('NFC'));
  expect(checkRenderName(id)).toBe(id);
});

test('two ids that differ beyond ASCII have two job names, which AWS Batch takes', () => {
  const names = ['シーン', 'シーソ', 'Łódź', 'Łodź', 'plain-1', 'a'.repeat(100), '字'.repeat(60)].map(
    asciiName,
  );
  expect(new Set(names).size).toBe(7);
  expect(names[2]).toMatch(/^odz-[0-9a-f]{8}$/);
  expect(names[4]).toBe('plain-1');
  for (const name of names) expect(salvageJobName(name)).toMatch(/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/);
});

test.each(['', '-x', 'a b', 'a/b', '../a', '\u3164', 'a\u202e', '\u0301a', 'x'.repeat(101), '𠀋'.repeat(51)])(
  'refuses the name "%s"',
  (name) => {
    expect(() => checkRenderName(name)).toThrow("a render's name has at most 100 letters");
  },
);

test('a default that is said is the same as one that is not; anything else makes another render', () => {
  expect(canonicalOptions({ video: 'h264', background: '000000', gaps: 'hold', samples: 4 })).toEqual([
    ['samples', 4],
  ]);
  expect(canonicalOptions({ video: 'gif', gaps: 'mark' })).toEqual([
    ['gaps', 'mark'],
    ['video', 'gif'],
  ]);
});
