import { denoiserFix } from '../../core/preflight/denoise-findings';
import { formatBlenderVersion, compareBlenderVersions } from '../../core/render/blender-version';
import { ok, warning, wrong, type Check } from './check';
import type { LocalFacts } from './local-facts';

/** As in package.json. */
export const LEAST_NODE = { major: 20, minor: 19 };

/** The Blenders that renders are compared with pictures of (test/fixtures/golden). */
export const TRIED_BLENDERS = { oldest: { major: 3, minor: 4 }, newest: { major: 5, minor: 2 } };

const GIB = 1024 ** 3;

/** Below that not even a short film and its video fit, and below that a long one may not. */
const DISK = { least: GIB / 4, usual: 5 * GIB };

/** Two Blenders (what renders at a time on a small machine) with a small scene each. */
const USUAL_MEMORY = 2 * GIB;

/** What is to be said of this machine, in the order of its telling: pure. */
export function judgeLocal(facts: LocalFacts): Check[] {
  return [
    judgeNode(facts.node),
    judgeBlender(facts.blender),
    ...judgeDenoiser(facts.blender),
    judgeFfmpeg(facts.ffmpeg),
    facts.hasDisplay
      ? ok('display', 'there is one')
      : warning(
          'display',
          'none: EEVEE and Workbench are slow without a GPU, and some Blenders don’t start them',
          'Cycles needs none (--engine CYCLES); on Debian and Ubuntu: apt-get install libegl1 libgl1-mesa-dri',
        ),
    judgeSandbox(facts.sandbox),
    ...facts.disks.map(judgeDisk),
    judgeMemory(facts.memory),
    judgeOutput(facts.output),
  ];
}

function judgeNode(version: string): Check {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  const needed = `${LEAST_NODE.major}.${LEAST_NODE.minor}`;
  return compareBlenderVersions({ major, minor }, LEAST_NODE) >= 0
    ? ok('Node', version)
    : wrong('Node', `${version} is too old`, `install Node ${needed} or newer`);
}

function judgeBlender(blender: LocalFacts['blender']): Check {
  if ('fault' in blender) return programFault('Blender', blender.fault);
  const { path, version } = blender.value;
  const text = `${formatBlenderVersion(version)}, ${path}`;
  const { oldest, newest } = TRIED_BLENDERS;
  if (compareBlenderVersions(version, oldest) >= 0 && compareBlenderVersions(version, newest) <= 0)
    return ok('Blender', text);
  const [from, to] = [formatBlenderVersion(oldest), formatBlenderVersion(newest)];
  const mend = `what is tried is ${from} to ${to}; SPOTREEL_BLENDER names another one`;
  return warning('Blender', text, mend);
}

function judgeDenoiser(blender: LocalFacts['blender']): Check[] {
  if ('fault' in blender || blender.value.hasDenoiser !== false) return [];
  const found = 'this Blender was built without OpenImageDenoise: Cycles cannot render scenes with denoising';
  const off = 'switch off Render Properties > Sampling > Render > Denoise in each scene';
  return [warning('denoise', found, denoiserFix(off))];
}

function judgeFfmpeg(ffmpeg: LocalFacts['ffmpeg']): Check {
  if ('fault' in ffmpeg) return programFault('ffmpeg', ffmpeg.fault);
  const { path, version, missing } = ffmpeg.value;
  if (missing.length === 0) return ok('ffmpeg', `${version}, ${path}`);
  const lacks = missing.map(({ video, encoder, isSound }) => {
    const sound = isSound ? 'the sound of ' : '';
    return `${encoder} (${sound}--video ${video})`;
  });
  const found = `${version}, ${path}, lacks the encoders ${lacks.join(', ')}`;
  const mend =
    'install an ffmpeg that has them (Debian’s, Ubuntu’s and Homebrew’s do) and name it in SPOTREEL_FFMPEG';
  const isUsual = missing.some(({ video, isSound }) => video === 'h264' && !isSound);
  return isUsual ? wrong('ffmpeg', found, mend) : warning('ffmpeg', found, mend);
}

/** What `findProgram` and the like say has what is wrong before the first `;`, and what to do behind it. */
function programFault(name: string, fault: string): Check {
  const [found = fault, ...rest] = fault.split('; ');
  return wrong(name, found, rest.join('; ') || `set SPOTREEL_${name.toUpperCase()} to one that works`);
}

function judgeSandbox({ none, lacks, fault }: LocalFacts['sandbox']): Check {
  if (fault !== undefined) {
    const mend =
      'where this system forbids it, SPOTREEL_SANDBOX=off renders without: only scenes that you trust';
    return wrong('sandbox', `nothing can be started in it: ${fault}`, mend);
  }
  if (none !== undefined) return warning('sandbox', none, 'render only scenes that you trust');
  const found = ['Blender writes only to its folders and has no network', ...lacks].join('; ');
  const isOpen = lacks.some((line) => line.startsWith('missing: '));
  if (!isOpen) return ok('sandbox', found);
  const remedy = 'render only scenes that you trust, or use a Linux 5.13 or newer with Landlock and seccomp';
  return warning('sandbox', lacks.join('; '), remedy);
}

function judgeDisk({ path, freeBytes }: LocalFacts['disks'][number]): Check {
  const found = `${gib(freeBytes)} GiB free in ${path}`;
  const mend = 'make room, or render elsewhere (-o; TMPDIR for what is in between)';
  if (freeBytes < DISK.least) return wrong('disk', found, mend);
  return freeBytes < DISK.usual ? warning('disk', found, mend) : ok('disk', found);
}

function judgeMemory({ totalBytes, availableBytes }: LocalFacts['memory']): Check {
  const found = `${gib(availableBytes)} GiB of ${gib(totalBytes)} GiB are free`;
  if (availableBytes >= USUAL_MEMORY) return ok('memory', found);
  return warning('memory', found, 'end other programs, or render by one Blender at a time (-p 1)');
}

function judgeOutput({ path, exists, isWritable }: LocalFacts['output']): Check {
  if (isWritable) return ok('output', exists ? path : `${path} (made by the first render)`);
  return wrong('output', `${path} can’t be written to`, 'choose another folder with -o, or change its owner');
}

function gib(bytes: number): string {
  return (bytes / GIB).toFixed(1);
}
