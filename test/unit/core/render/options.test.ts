import { formatTags, jobTags, parseTags } from '../../../../core/render/options';

test('parseTags reads names and values and sorts them', () => {
  expect(parseTags(['shot=12', 'artist=Änn B', 'why=a=b', 'empty='])).toEqual({
    artist: 'Änn B',
    empty: '',
    shot: '12',
    why: 'a=b',
  });
  expect(formatTags(parseTags(['shot=12', 'artist=ann']))).toBe('artist=ann, shot=12');
  expect(parseTags([])).toEqual({});
});

test('jobTags adds the farm’s tag, which IAM checks', () => {
  expect(jobTags('shot-1', { artist: 'ann' }, 'main')).toEqual({
    artist: 'ann',
    'spotreel:farm': 'main',
    'spotreel:render': 'shot-1',
  });
});

test('jobTags adds the render’s tag', () => {
  expect(jobTags('shot-1', { artist: 'ann' })).toEqual({ artist: 'ann', 'spotreel:render': 'shot-1' });
  expect(jobTags('shot-1', undefined)).toEqual({ 'spotreel:render': 'shot-1' });
});

test.each([
  [['artist'], 'name=value'],
  [['=ann'], 'a name before the ='],
  [['aws:artist=ann'], '"aws:" is AWS\'s'],
  [['AWS:artist=ann'], '"aws:" is AWS\'s'],
  [['spotreel:render=other'], "is Spotreel's"],
  [['Spotreel:farm=other'], "is Spotreel's"],
  [['SPOTREEL:RENDER=other'], "is Spotreel's"],
  [['  spotreel:farm =other'], "is Spotreel's"],
  [['spot reel:farm=other'], "is Spotreel's"],
  [['spotreel :farm=other'], "is Spotreel's"],
  [['ｓｐｏｔｒｅｅｌ:farm=other'], "is Spotreel's"],
  [['\u017fpotreel:farm=other'], "is Spotreel's"],
  [['ａws:x=other'], '"aws:" is AWS\'s'],
  [[`${'n'.repeat(129)}=x`], 'name of more than 128 characters'],
  [[`n=${'v'.repeat(257)}`], 'value of more than 256 characters'],
  [['n=a,b'], 'and no others'],
  [['n=a\u2028b'], 'and no others'],
  [['n!=b'], 'and no others'],
  [['n=1', 'n=2'], 'give each name once'],
  [Array.from({ length: 41 }, (_, i) => `n${i}=x`), '40 at most'],
])('parseTags refuses %p', (texts, reason) => {
  let thrown: unknown;
  try {
    parseTags(texts);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({ code: 'bad-tag', kind: 'usage', message: expect.stringContaining(reason) });
});

test('parseTags accepts tags up to the limits of AWS', () => {
  const texts = Array.from({ length: 40 }, (_, i) => `${String(i).padStart(128, 'n')}=${'v'.repeat(256)}`);
  expect(Object.keys(parseTags(texts))).toHaveLength(40);
});
