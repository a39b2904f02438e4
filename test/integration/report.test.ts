import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { EXIT } from '../../core/jobs/worker';
import { makeScene } from '../support/blender';
import { installFakeBlender } from '../support/fake-blender';
import { runsHeavy } from '../support/heavy';
import { onlyRender } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { spotreel, worker } from '../support/spotreel';
import { probeVideo } from '../support/video';

jest.setTimeout(180_000);

const at = useScratchFolder();
const CLOCK = join(ROOT, 'examples/clock.blend');

let browser: Browser;
beforeAll(async () => {
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
    ],
  });
});
afterAll(() => browser?.close());

/** A page that is open, and all that it asked for or complained of. */
async function open(path: string, options: Parameters<Browser['newPage']>[0] = {}) {
  const page = await browser.newPage(options);
  const requests: string[] = [];
  const complaints: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(pathToFileURL(path).href);
  return { page, requests, complaints };
}

/** Where pictures of the page are put for people to look at; nowhere unless asked for. */
const LOOK = process.env.SPOTREEL_SCREENSHOTS;

async function look(page: Page, name: string): Promise<void> {
  if (LOOK === undefined) return;
  mkdirSync(LOOK, { recursive: true });
  await page.screenshot({
    path: join(LOOK, `report-${name}.jpg`),
    type: 'jpeg',
    quality: 60,
    fullPage: true,
  });
}

/** For the browser: plays the film to its end. */
const PLAY = `(async () => {
  const video = document.querySelector('video');
  await video.play();
  await new Promise((resolve) => video.addEventListener('ended', resolve, { once: true }));
  return { duration: video.duration, width: video.videoWidth, error: video.error?.message ?? null };
})()`;

const STICKS_OUT = 'document.documentElement.scrollWidth > document.documentElement.clientWidth';

/** Whether each chart, with its labels, is within the page and hides nothing that would have to be scrolled to. */
const CHARTS_ARE_WHOLE = `[...document.querySelectorAll('.chart')].map((chart) => {
  const parts = [chart, ...chart.querySelectorAll('svg, span')];
  const width = document.documentElement.clientWidth;
  const within = parts.every((part) => {
    const { left, right } = part.getBoundingClientRect();
    return left >= 0 && right <= width;
  });
  let whole = within;
  for (let box = chart; box; box = box.parentElement) whole &&= box.scrollWidth <= box.clientWidth;
  return whole;
})`;

const marks = (page: Page, chart: string) => page.locator(`svg[data-chart=${chart}] rect`).count();

test('the report is one page with film, contact sheet and charts that needs no network', async () => {
  const flags = [
    '--frames',
    '1-12',
    '--frames-per-slice',
    '4',
    '--resolution-percent',
    '50',
    '--samples',
    '2',
  ];
  // People look at real frames.
  const isReal = LOOK !== undefined || runsHeavy('worker');
  const environment = isReal ? {} : installFakeBlender(at('blender'), { width: 320, height: 180 });
  const { exitCode } = await spotreel(['render', CLOCK, '-o', at('out'), ...flags], { environment });
  expect(exitCode).toBe(0);
  const folder = onlyRender(at('out'));
  expect(await probeVideo(join(folder, 'preview.mp4'))).toMatchObject({ nb_read_frames: '12', width: 320 });
  for (const name of ['poster.jpg', 'contact-sheet.jpg'])
    expect([...readFileSync(join(folder, name)).subarray(0, 3)]).toEqual([0xff, 0xd8, 0xff]);
  const { page, requests, complaints } = await open(join(folder, 'report.html'), {
    viewport: { width: 900, height: 700 },
  });
  expect(await marks(page, 'frames')).toBe(12);
  expect(await marks(page, 'slices')).toBe(3);
  expect(await page.locator('.state').innerText()).toBe('All 12 frames are stored.');
  const played: { duration: number } = await page.evaluate(PLAY);
  expect(played).toMatchObject({ width: 320, error: null });
  expect(played.duration).toBeCloseTo(12 / 24, 1);
  expect(await page.evaluate("document.querySelector('.sheet').naturalWidth")).toBeGreaterThan(1000);
  expect(complaints).toEqual([]);
  expect(requests.filter((url) => !url.startsWith('data:'))).toEqual([
    pathToFileURL(join(folder, 'report.html')).href,
  ]);
  expect(await page.locator('.pairs').first().innerText()).toMatch(/Slices\s+3 slices of up to 4 frames/);
  await look(page, 'light');
  for (const [name, options] of [
    ['dark', { colorScheme: 'dark' }],
    ['phone', { viewport: { width: 390, height: 844 } }],
    ['small-phone', { viewport: { width: 360, height: 740 } }],
  ] as const) {
    const other = await open(join(folder, 'report.html'), options);
    // Nothing sticks out: a phone shows it without scrolling sideways.
    expect(await other.page.evaluate(STICKS_OUT)).toBe(false);
    expect(await other.page.evaluate(CHARTS_ARE_WHOLE)).toEqual([true, true]);
    await look(other.page, name);
  }
});

test("a scene's names are text on the page, never markup", async () => {
  const name = `</title><script>document.title='taken'</script>"'&`;
  const environment = installFakeBlender(at('blender'), { width: 64, height: 36 });
  const flags = ['--frames', '1-2', '--resolution-percent', '10'];
  await spotreel(['render', CLOCK, '-o', at('out'), ...flags], { environment });
  const folder = onlyRender(at('out'));
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
  const finding = { code: 'image-missing', severity: 'warning', message: name };
  writeFileSync(
    join(folder, 'manifest.json'),
    JSON.stringify({ ...manifest, scene: name, findings: [finding] }),
  );
  rmSync(join(folder, 'report.html'));
  const again = await worker(['stitch', '-i', folder, '-o', folder], { environment });
  expect(again.exitCode).toBe(EXIT.done.code);
  const { page, complaints } = await open(join(folder, 'report.html'));
  expect(await page.title()).toContain('Spotreel');
  expect(await page.locator('header').innerText()).toContain(name);
  expect(await page.locator('li').innerText()).toContain(name);
  expect(complaints).toEqual([]);
});

/** What a name tries to become: a picture that fails to load, a script, an escape of the terminal, a path. */
const HOSTILE_NAMES = `
scene.name = '<img src=x onerror=window.pwned=3>\\x1b[31m../x\\n"\\''
scene.view_layers[0].name = '</script>\\x1b]0;T\\x07'
scene.frame_end = 1
scene.render.use_freestyle = True
settings = scene.view_layers[0].freestyle_settings
settings.mode = 'SCRIPT'
text = bpy.data.texts.new('st<script>window.pwned=1</script>\\x1b[31m\\nx')
text.use_module = True
settings.modules.new().script = text
paths = ['//tex/\\x1b[31mred\\n%d#<b>"\\'.png', '/proc/self/environ', '//../../etc/shadow', '//a%2fb\\x07.png']
for index, path in enumerate(paths):
    image = bpy.data.images.new('i<i>%d' % index, 4, 4)
    image.source = 'FILE'
    image.filepath = path
    image.use_fake_user = True
scene.use_nodes = True
scene.node_tree.nodes.new('CompositorNodeOutputFile').base_path = '/tmp/fo\\x1b[31m<img src=x onerror=window.pwned=2>'
`;

if (runsHeavy('worker'))
  test("a scene's hostile names are text in messages and on the page", async () => {
    const scene = await makeScene(at('names.blend'), HOSTILE_NAMES);
    const { exitCode, stdout, stderr } = await spotreel(['render', scene, '-o', at('out')]);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(stderr).toContain('warning: freestyle-scripts: ');
    // oxlint-disable-next-line no-control-regex -- control characters are what it is about
    expect(stdout + stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/);
    const { page, requests, complaints } = await open(join(onlyRender(at('out')), 'report.html'));
    expect(await page.evaluate('window.pwned')).toBeUndefined();
    expect(await page.locator('header').innerText()).toContain('<img src=x onerror=window.pwned=3>');
    expect(await page.locator('ul').allInnerTexts()).toEqual(
      expect.arrayContaining([expect.stringContaining('<script>window.pwned=1</script>')]),
    );
    expect(complaints).toEqual([]);
    expect(requests.filter((url) => !url.startsWith('data:'))).toHaveLength(1);
  });
