import { videoFindings } from '../../../../../core/scene/findings/scene';
import { facts } from '../../../../support/made-scenes';

const codesOf = (scene: Parameters<typeof facts>[0], options: Parameters<typeof videoFindings>[1] = {}) =>
  videoFindings(facts(scene), options).map(({ code }) => code);

const PQ = { display: 'Rec.2100-PQ', bitDepth: 16 };

test('a video of 8 bits for an HDR display is a warning that names --video hevc', () => {
  const [finding, ...rest] = videoFindings(facts(PQ), {});
  expect(finding).toMatchObject({ code: 'hdr-video', severity: 'warning' });
  expect(finding!.message).toContain('--video hevc');
  expect(rest).toEqual([]);
  expect(codesOf(PQ, { video: 'vp9' })).toEqual(['hdr-video']);
});

test.each(['hevc', 'av1', 'prores', 'none'] as const)('video %s loses nothing of an HDR display', (video) => {
  expect(codesOf(PQ, { video })).toEqual([]);
});

test('frames of 8 bits for an HDR display are a warning', () => {
  expect(codesOf({ ...PQ, bitDepth: 8 }, { video: 'hevc' })).toEqual(['hdr-depth']);
});

test('other displays cause no warning', () => {
  for (const display of ['Display P3', 'Rec.2020', 'Rec.1886'])
    expect(codesOf({ display, bitDepth: 8 })).toEqual([]);
  expect(codesOf({})).toEqual([]);
});
