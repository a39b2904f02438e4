import {
  colorFault,
  failureReason,
  LogTail,
  memoryWords,
  mostLogBytes,
  parseBlenderProgress,
  WorkerLog,
} from '../../../../../container/worker/blender/log';
import { parseWorkerEvent, type WorkerEvent } from '../../../../../core/jobs/worker';

describe('blender log', () => {
  const ENDING = 'Blender ended with exit code 1';

  test.each([
    [
      ['Fra:1 Mem:9M | Sample 1/8', 'Error: Cannot render, no camera', '', 'Blender quit'],
      'Error: Cannot render, no camera (Blender ended with exit code 1)',
    ],
    [
      ['00:01.500  render           | ERROR Out of memory in Cycles', 'Saved: x'],
      '00:01.500  render           | ERROR Out of memory in Cycles (Blender ended with exit code 1)',
    ],
    [
      ["Error: File format is not a blend file: 'x.blend'"],
      "Error: File format is not a blend file: 'x.blend' (Blender ended with exit code 1)",
    ],
    [['Fra:1 Mem:9M', "00:01.498  render           | Saved: '/tmp/error/0003.png'"], ENDING],
  ])('the Blender log finds the reason in %j', (lines, reason) => {
    expect(failureReason(lines, ENDING)).toBe(reason);
  });

  test('the Blender log keeps only the end of a long output', () => {
    const tail = new LogTail();
    for (let i = 0; i < 10_000; i += 1) tail.add(`line ${i}`);
    expect(tail.lines().length).toBeLessThan(100);
    expect(tail.lines().at(-1)).toBe('line 9999');
  });

  // As Blender 3.4.1, 4.5 and 5.2 wrote them, the last with what render_frames.py makes of 5.2's statistics.
  test.each([
    [
      'Fra:3 Mem:10.08M (Peak 10.84M) | Time:00:00.12 | Remaining:00:00.01 | Mem:0.91M, Peak:0.91M | Scene, ViewLayer | Sample 1/8',
      { sample: 1, samples: 8, memoryMib: 1 },
    ],
    [
      'Fra:-12 Mem:1310.50M (Peak 1410.50M) | Time:01:02.12 | Mem:1.50G, Peak:2.00G | Scene, ViewLayer | Sample 96/4096',
      { sample: 96, samples: 4096, memoryMib: 1536 },
    ],
    ['Fra:3 | Remaining: 00:00.01 | Mem: 2M | Sample 1/8', { sample: 1, samples: 8, memoryMib: 2 }],
    ['00:01.326  render           | Fra:3 | Mem: 2M | Sample 8/8', { sample: 8, samples: 8, memoryMib: 2 }],
    [
      'Fra:3 Mem:9.94M (Peak 10.84M) | Time:00:00.12 | Mem:0.76M, Peak:0.76M | Scene, ViewLayer | Updating Film',
      undefined,
    ],
    ["Saved: '/tmp/Sample 1/8.png'", undefined],
    ['Blender quit', undefined],
  ])('the Blender log reads the progress, if any, from %s', (line, progress) => {
    expect(parseBlenderProgress(line)).toEqual(progress);
  });

  test.each([
    ['Malloc returns null: len=1073741824 in render, total 2147483648', 'machine'],
    ["terminate called after throwing an instance of 'std::bad_alloc'", 'machine'],
    ['Out of memory in CUDA queue copy_to_device', 'gpu'],
    ['System is out of GPU memory', 'gpu'],
    ['Fra:1 Mem:9M', undefined],
  ])('the Blender log knows which memory ran out in %s', (line, whose) => {
    expect(memoryWords(['Read blend', line, 'Blender quit'])).toBe(whose);
  });

  // As Blender 3.4, 4.5 and 5.2 write them.
  test.each([
    [
      "OpenColorIO Error: Error: Loading the OCIO profile '/a.ocio' failed. yaml-cpp: error at line 1",
      "Loading the OCIO profile '/a.ocio' failed. yaml-cpp: error at line 1",
    ],
    [
      "ERROR (imbuf.color_management): source/a.cc:19 report_exception: OpenColorIO Error: Error could not read '/a.ocio' OCIO profile.",
      "could not read '/a.ocio' OCIO profile.",
    ],
    [
      "00:00.023  color_management | ERROR OpenColorIO Error: Error could not read '/a.ocio' OCIO profile.",
      "could not read '/a.ocio' OCIO profile.",
    ],
    ['00:00.023  color_management | Using OCIO=/a.ocio', undefined],
    ["OpenColorIO Error: The specified file reference 'a.cube' could not be located.", undefined],
  ])('colorFault of %j is %j', (line, fault) => {
    expect(colorFault(line)).toBe(fault);
  });
});

describe('worker log', () => {
  const MIB = 1024 * 1024;
  const blender = (line: string): WorkerEvent => ({ event: 'output', program: 'blender', line });

  function logOf(mostBytes: number, events: readonly WorkerEvent[]) {
    const written: string[] = [];
    const log = new WorkerLog((text) => written.push(text), mostBytes);
    log.context = { renderId: 'film', attempt: 1 };
    for (const event of events) log.say(event);
    log.end();
    return {
      bytes: written.join('').length,
      events: written
        .join('')
        .trimEnd()
        .split('\n')
        .map((text) => parseWorkerEvent(text)),
    };
  }

  test('a worker log within its limit is complete', () => {
    const { events } = logOf(MIB, [blender('Fra:1'), { event: 'frame-stored', frame: 1, seconds: 2 }]);
    expect(events).toEqual([blender('Fra:1'), { event: 'frame-stored', frame: 1, seconds: 2 }]);
  });

  describe('writes', () => {
    beforeEach(() => jest.useFakeTimers());
    afterEach(() => jest.useRealTimers());

    function begun(): { log: WorkerLog; written: string[] } {
      const written: string[] = [];
      const log = new WorkerLog((text) => written.push(text), MIB);
      log.say(blender('one'));
      log.say(blender('two'));
      return { log, written };
    }
    const two = `${JSON.stringify(blender('one'))}\n${JSON.stringify(blender('two'))}\n`;

    test('a worker log joins lines of a program into one write', () => {
      const { written } = begun();
      expect(written).toEqual([]);
      jest.runAllTimers();
      expect(written).toEqual([two]);
    });

    test('a worker log writes its own events at once, after the lines before them', () => {
      const { log, written } = begun();
      const stored: WorkerEvent = { event: 'frame-stored', frame: 1, seconds: 2 };
      log.say(stored);
      expect(written).toEqual([`${two}${JSON.stringify(stored)}\n`]);
    });

    test('a worker log writes waiting lines at its end', () => {
      const { log, written } = begun();
      log.end();
      jest.runAllTimers();
      expect(written).toEqual([two]);
    });

    test('a worker log holds no more than 64 KiB', () => {
      const { log, written } = begun();
      log.say(blender('x'.repeat(64 * 1024)));
      expect(written).toHaveLength(1);
    });
  });

  test('a worker log over its limit drops program lines, keeps events, and reports this twice', () => {
    const flood = Array.from({ length: 2000 }, () => blender('x'.repeat(1000)));
    const stored: WorkerEvent = { event: 'frame-stored', frame: 1, seconds: 2 };
    const { bytes, events } = logOf(MIB, [...flood, stored, blender('after'), stored]);
    expect(bytes).toBeLessThan(MIB + 2000);
    expect(events.filter((event) => event?.event === 'frame-stored')).toHaveLength(2);
    const notes = events.flatMap((event) =>
      event?.event === 'output' && event.program === 'worker' ? [event.line] : [],
    );
    expect(notes[0]).toContain(
      'Spotreel drops lines of Blender and ffmpeg from here on: the log of an attempt has at most 1 MiB',
    );
    expect(notes[1]).toMatch(
      /^Spotreel dropped \d+ lines \(1\.1 MiB\) of Blender and ffmpeg: .* raise the setting logMiB/,
    );
    expect(events.at(-1)).toEqual({ event: 'output', program: 'worker', line: notes[1] });
    const kept = events.filter((event) => event?.event === 'output' && event.program === 'blender').length;
    const dropped = Number(/dropped (\d+) lines/.exec(notes[1]!)?.[1]);
    expect(kept + dropped).toBe(2000 + 1);
  });

  test.each([
    [undefined, 64],
    ['16', 16],
    ['0', 64],
    ['much', 64],
  ])('SPOTREEL_LOG_MIB=%s limits the log to %i MiB', (SPOTREEL_LOG_MIB, mebibytes) => {
    expect(mostLogBytes({ SPOTREEL_LOG_MIB })).toBe(mebibytes * MIB);
  });
});
