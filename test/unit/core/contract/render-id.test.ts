import { canonicalOptions, checkRenderName, renderIdOf } from '../../../../core/contract/render-id';

const identity = {
  source: new URL('s3://bucket/uploads/My%20Shot%20%C3%A9.blend'),
  etag: 'abc',
  options: {},
};

test("a render id is a slug of the file's name and 8 hex digits", () => {
  expect(renderIdOf(identity)).toMatch(/^My-Shot-e-[0-9a-f]{8}$/);
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
  },
);

test.each(['', '-x', 'a b', 'a/b', '../a', 'ä', 'x'.repeat(101)])('refuses the name "%s"', (name) => {
  expect(() => checkRenderName(name)).toThrow("a render's name is at most 100 letters");
});

test('a default that is said is the same as one that is not; anything else makes another render', () => {
  expect(canonicalOptions({ video: 'h264', background: '000000', gaps: 'hold', samples: 4 })).toEqual([
    ['samples', 4],
  ]);
  expect(canonicalOptions({ video: 'gif', gaps: 'mark' })).toEqual([
    ['gaps', 'mark'],
    ['video', 'gif'],
  ]);
});
