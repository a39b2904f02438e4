import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeChecks } from '../../../../cli/doctor/check';
import { judgeLocal, LEAST_NODE, type LocalFacts, TRIED_BLENDERS } from '../../../../cli/doctor/local';
import { ROOT } from '../../../support/source-files';

const GIB = 1024 ** 3;
const WELL: LocalFacts = {
  node: 'v20.20.0',
  blender: { value: { path: '/usr/bin/blender', version: { major: 5, minor: 0 } } },
  ffmpeg: { value: { path: '/usr/bin/ffmpeg', version: '7.1', missing: [] } },
  hasDisplay: true,
  sandbox: { lacks: [] },
  disks: [{ path: '/films', freeBytes: 100 * GIB }],
  memory: { totalBytes: 16 * GIB, availableBytes: 8 * GIB },
  output: { path: '/films/renders', exists: false, isWritable: true },
};
const blender = (major: number, minor: number) => ({ value: { path: '/b', version: { major, minor } } });
const lacking = (video: string, encoder: string, isSound: boolean) => ({
  value: { path: '/f', version: '7', missing: [{ video, encoder, isSound }] },
});

test('judgeLocal reports a healthy machine as ok', () => {
  const checks = judgeLocal(WELL);
  expect(checks.map(({ state }) => state)).toEqual(checks.map(() => 'ok'));
  expect(describeChecks(checks)).toMatch(/^ok {7}Node {4} v20\.20\.0\n[^]*\nnothing is wrong$/);
});

test.each<[string, Partial<LocalFacts>, string, 'warning' | 'wrong' | 'ok', RegExp]>([
  ['an old Node', { node: 'v18.20.1' }, 'Node', 'wrong', /Node 20\.19 or newer/],
  ['the oldest Node', { node: 'v20.19.0' }, 'Node', 'ok', /^$/],
  [
    'no Blender',
    { blender: { fault: 'there is no blender on PATH; install it or set SPOTREEL_BLENDER' } },
    'Blender',
    'wrong',
    /^install it or set SPOTREEL_BLENDER$/,
  ],
  ['a Blender without a fix', { blender: { fault: 'it burns' } }, 'Blender', 'wrong', /SPOTREEL_BLENDER/],
  [
    'a Blender without OpenImageDenoise',
    { blender: { value: { path: '/b', version: { major: 4, minor: 2 }, hasDenoiser: false } } },
    'denoise',
    'warning',
    /^install a Blender from blender\.org and name it in SPOTREEL_BLENDER, or switch off Render Properties/,
  ],
  ['an old Blender', { blender: blender(3, 4) }, 'Blender', 'warning', /blender\.org\/download/],
  ['a Blender of tomorrow', { blender: blender(6, 0) }, 'Blender', 'warning', /3\.4 to 5\.2/],
  [
    'no encoder of the usual video',
    { ffmpeg: lacking('h264', 'libx264', false) },
    'ffmpeg',
    'wrong',
    /SPOTREEL_FFMPEG/,
  ],
  [
    'no encoder of its sound',
    { ffmpeg: lacking('h264', 'aac', true) },
    'ffmpeg',
    'warning',
    /SPOTREEL_FFMPEG/,
  ],
  [
    'no encoder of another video',
    { ffmpeg: lacking('vp9', 'x', false) },
    'ffmpeg',
    'warning',
    /SPOTREEL_FFMPEG/,
  ],
  ['no display', { hasDisplay: false }, 'display', 'warning', /libegl1.*Cycles need no display/],
  ['no sandbox', { sandbox: { none: 'off: it needs Linux', lacks: [] } }, 'sandbox', 'warning', /trust/],
  [
    'a kernel without Landlock',
    { sandbox: { lacks: ['missing: this kernel has no Landlock'] } },
    'sandbox',
    'warning',
    /5\.13/,
  ],
  [
    'a kernel whose gaps seccomp closes',
    { sandbox: { lacks: ['replaced: Landlock ABI 2 cannot restrict truncation'] } },
    'sandbox',
    'ok',
    /^$/,
  ],
  [
    'a sandbox that breaks',
    { sandbox: { lacks: [], fault: 'EPERM' } },
    'sandbox',
    'wrong',
    /SPOTREEL_SANDBOX=off/,
  ],
  ['little room', { disks: [{ path: '/', freeBytes: GIB }] }, 'disk', 'warning', /-o/],
  ['no room', { disks: [{ path: '/', freeBytes: 0 }] }, 'disk', 'wrong', /-o/],
  ['little memory', { memory: { totalBytes: GIB, availableBytes: GIB } }, 'memory', 'warning', /-p 1/],
  [
    'a folder of another user',
    { output: { path: '/x', exists: true, isWritable: false } },
    'output',
    'wrong',
    /owner/,
  ],
])('judgeLocal judges %s', (_, change, name, state, fix) => {
  const check = judgeLocal({ ...WELL, ...change }).find((one) => one.name === name);
  expect(check?.state).toBe(state);
  expect(check?.fix ?? '').toMatch(fix);
});

test('doctor shows what the sandbox of this kernel lacks in one line', () => {
  const lacks = [
    'replaced: Landlock ABI 5 cannot restrict signals and sockets (ABI 6 can): seccomp denies them',
  ];
  const check = judgeLocal({ ...WELL, sandbox: { lacks } }).find(({ name }) => name === 'sandbox');
  expect(check?.found).toBe(`Blender writes only to its folders and has no network; ${lacks[0]}`);
});

test('doctor expects the versions of package.json and of the golden frames', () => {
  const { engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  expect(engines.node).toBe(`>=${LEAST_NODE.major}.${LEAST_NODE.minor}`);
  const versions = readdirSync(join(ROOT, 'test/fixtures/golden')).filter((name) => /^\d/.test(name));
  const sorted = versions.toSorted((a, b) => Number(a) - Number(b));
  const { oldest, newest } = TRIED_BLENDERS;
  expect([sorted[0], sorted.at(-1)]).toEqual([
    `${oldest.major}.${oldest.minor}`,
    `${newest.major}.${newest.minor}`,
  ]);
});

test('describeChecks lists each fault with its fix below and escapes control characters', () => {
  const text = describeChecks([
    { name: 'a', state: 'wrong', found: 'x\u001b[2J', fix: 'fix it' },
    { name: 'bcd', state: 'warning', found: 'y', fix: 'look' },
  ]);
  expect(text).toBe(
    [
      'wrong    a    x\\u001b[2J',
      '              fix it',
      'warning  bcd  y',
      '              look',
      '1 wrong, 1 to look at',
    ].join('\n'),
  );
});
