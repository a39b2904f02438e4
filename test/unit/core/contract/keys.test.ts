import {
  failureUrl,
  frameName,
  frameOfMaster,
  frameOfName,
  frameUrl,
  manifestUrl,
  masterUrl,
  renderFolder,
  sliceReportUrl,
  videoUrl,
} from '../../../../core/contract/keys';

test.each([
  [1, '0001.png'],
  [9999, '9999.png'],
  [10000, '10000.png'],
  [1048574, '1048574.png'],
  [0, '0000.png'],
  [-5, '-0005.png'],
])('frame %i is %s, and back', (frame, name) => {
  expect(frameName(frame)).toBe(name);
  expect(frameOfName(name)).toBe(frame);
});

test.each(['01.png', '00010.png', '0001.jpg', '.0001.png.x.part', '0001.png.bak', 'notes.txt', '-0000.png'])(
  '%s is no frame',
  (name) => {
    expect(frameOfName(name)).toBeUndefined();
  },
);

test.each(['s3://bucket/films', 's3://bucket/films/'])(
  'everything of a render lies below its folder in %s',
  (output) => {
    const folder = renderFolder(new URL(output), 'shot-1234abcd');
    expect(folder.href).toBe('s3://bucket/films/shot-1234abcd/');
    const keys = [
      manifestUrl(folder),
      frameUrl(folder, -3),
      masterUrl(folder, -3, 'exr'),
      masterUrl(folder, 10000, 'jpg'),
      sliceReportUrl(folder, 12),
      failureUrl(folder, 7),
      videoUrl(folder),
    ];
    expect(keys.map(({ href }) => href.slice(folder.href.length))).toEqual([
      'manifest.json',
      'frames/-0003.png',
      'masters/-0003.exr',
      'masters/10000.jpg',
      'slices/12.json',
      'failures/7.json',
      'output.mp4',
    ]);
  },
);

test('a folder without its slash is still the folder', () => {
  expect(frameUrl(new URL('file:///films/shot'), 1).href).toBe('file:///films/shot/frames/0001.png');
});

test.each([
  ['0001.exr', 1],
  ['-0012.jpg', -12],
  ['0001.png', undefined],
  ['1.exr', undefined],
  ['0001.exr.jpg', undefined],
  ['../0001.exr', undefined],
])('a master %s is of frame %s', (name, frame) => {
  expect(frameOfMaster(name)).toBe(frame);
});
