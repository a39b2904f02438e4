import * as z from 'zod/mini';
import { SpotreelError } from '../errors';
import { parseJson } from '../json';
import { printableName } from '../text';
import { parseFrameRanges } from './frames';
import { checkRenderName } from './keys';
import {
  engineOf,
  ENGINES_ALLOWED,
  OCIO_ALLOWED,
  ocioOf,
  parseTags,
  parseUsd,
  type RenderOptions,
  renderOptionsSchema,
  type Tags,
} from './options';

/** One encoded word of RFC 2047: charset, `B` or `Q`, text. */
const ENCODED_WORD = /=\?([\w-]+)\?([BbQq])\?([^? ]*)\?=/g;

/** RFC 8187: `UTF-8''` and percent-encoded text, as HTTP's own headers carry it (`filename*=`). */
const EXTENDED_VALUE = /^utf-8'[\w-]*'(.*)$/is;

/**
 * The text of an HTTP header's value, which is US-ASCII on its way. S3 hands out metadata that is not as encoded
 * words of RFC 2047 (by the documentation: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html),
 * and a person can write `UTF-8''%C3%9C` (RFC 8187). Anything else is taken as it stands: a bare `%20` is three
 * characters, and what can't be decoded stays as it is.
 */
function decodeHeaderText(value: string): string {
  const extended = EXTENDED_VALUE.exec(value)?.[1];
  if (extended !== undefined) return decodePercent(extended) ?? value;
  // White space between two encoded words is no part of the text.
  return value
    .replace(/(\?=)\s+(?==\?)/g, '$1')
    .replace(ENCODED_WORD, (word, charset: string, encoding: string, text: string) => {
      const bytes = encoding.toUpperCase() === 'B' ? Buffer.from(text, 'base64') : quotedBytes(text);
      return decodeBytes(bytes, charset) ?? word;
    });
}

function decodePercent(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** The `Q` encoding: `_` is a space, `=C3` a byte. */
function quotedBytes(text: string): Buffer {
  const bytes = text
    .replaceAll('_', ' ')
    .replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1');
}

function decodeBytes(bytes: Uint8Array, charset: string): string | undefined {
  try {
    return new TextDecoder(charset, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** What the uploader of a scene asked for. */
export interface UploadWishes {
  readonly options: RenderOptions;
  /** The render's name, in place of one made from the file's. */
  readonly name?: string | undefined;
  /** By whom and for what. */
  readonly tags?: Tags | undefined;
  /** US dollars that the render may cost. */
  readonly maxCostUsd?: number | undefined;
}

/** How one option stands in S3 object metadata (without `x-amz-meta-`) and what it may be. */
interface MetadataKey {
  readonly option: keyof RenderOptions;
  /** How its text is read, if it is to be no text. */
  readonly read?: (text: string) => unknown;
  readonly allowed: string;
}

const KEYS: Readonly<Record<string, MetadataKey>> = {
  frames: { option: 'frames', allowed: 'frames such as 1-10,20,30-50x2' },
  'frames-per-slice': { option: 'framesPerSlice', read: readNumber, allowed: 'a whole number of 1 or more' },
  scene: { option: 'scene', allowed: 'the name of a scene in the file, of 1 to 255 characters' },
  camera: { option: 'camera', allowed: 'a camera of the scene, all, or names with commas between them' },
  ocio: { option: 'ocio', read: ocioOf, allowed: OCIO_ALLOWED },
  'resolution-percent': {
    option: 'resolutionPercent',
    read: readNumber,
    allowed: 'a whole number from 1 to 32767',
  },
  samples: { option: 'samples', read: readNumber, allowed: 'a whole number from 1 to 16777216' },
  engine: { option: 'engine', read: engineOf, allowed: ENGINES_ALLOWED },
  device: { option: 'device', read: (text) => text.toUpperCase(), allowed: 'CPU or GPU' },
  video: {
    option: 'video',
    read: (text) => text.toLowerCase(),
    allowed: 'h264, hevc, prores, vp9, gif or none',
  },
  background: {
    option: 'background',
    read: (text) => text.toLowerCase(),
    allowed: 'a colour such as 1a2b3c',
  },
  gaps: { option: 'gaps', read: (text) => text.toLowerCase(), allowed: 'hold or mark' },
  order: { option: 'order', read: (text) => text.toLowerCase(), allowed: 'spread or ascending' },
  force: { option: 'force', read: readTrue, allowed: 'true, or left out' },
  'allow-scripts': { option: 'allowScripts', read: readTrue, allowed: 'true, or left out' },
};

/** How messages call what an option stands in. */
interface Wording {
  /** Before the option's key. */
  readonly prefix: string;
  /** What to do about one that is wrong. */
  readonly mend: string;
}

const OBJECT_METADATA: Wording = {
  prefix: 'x-amz-meta-',
  mend: 'upload the scene again with other metadata',
};

/** All keys that mean something on one machine, where nothing is paid for. */
const UPLOAD_KEYS: readonly string[] = [...Object.keys(KEYS), 'name', 'tags'];

/**
 * Reads options from an object's metadata: keys as S3 gives them, in lower case and without `x-amz-meta-`
 * (`frames`, `frames-per-slice`, `scene`, `camera`, `ocio`, `resolution-percent`, `samples`, `engine`, `device`, `video`, `background`, `gaps`, `order`, `force`, `allow-scripts`, `name`, `tags`, `max-cost`); values as
 * `decodeHeaderText` reads them. Other keys are somebody else's and ignored. Throws `bad-metadata` (usage) naming key,
 * value and what is allowed.
 */
export function parseUploadMetadata(
  metadata: Readonly<Record<string, string>>,
  wording = OBJECT_METADATA,
): UploadWishes {
  const options: Record<string, unknown> = {};
  let name: string | undefined;
  let tags: Tags | undefined;
  let maxCostUsd: number | undefined;
  for (const [rawKey, rawValue] of Object.entries(metadata)) {
    const key = rawKey.toLowerCase();
    const value = decodeHeaderText(rawValue.trim());
    const known = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
    if (known) options[known.option] = readOption(key, known, value, wording);
    else if (key === 'name') name = readName(value, wording);
    else if (key === 'tags') tags = readTags(value, wording);
    else if (key === 'max-cost') maxCostUsd = readMaxCost(value, wording);
  }
  return { options: renderOptionsSchema.parse(options), name, tags, maxCostUsd };
}

function readOption(
  key: string,
  { option, read, allowed }: MetadataKey,
  value: string,
  wording: Wording,
): unknown {
  const given = renderOptionsSchema.safeParse({ [option]: read ? read(value) : value }).data?.[option];
  if (given === undefined) throw bad(key, value, `must be ${allowed}`, wording);
  // The schema only knows that it is text.
  if (option === 'frames') checkFrames(key, value, wording);
  return given;
}

function readTrue(value: string): boolean {
  return value.toLowerCase() === 'true';
}

/** Digits only: `Number` would also take `1e3`, `0x10` and nothing at all. */
function readNumber(value: string): number {
  return /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
}

function checkFrames(key: string, value: string, wording: Wording): void {
  try {
    parseFrameRanges(value);
  } catch (error) {
    throw rephrased(key, value, error, wording);
  }
}

function readName(value: string, wording: Wording): string {
  try {
    return checkRenderName(value);
  } catch (error) {
    throw rephrased('name', value, error, wording);
  }
}

/** `artist=ann,shot=12`: a comma is no part of any tag. */
function readTags(value: string, wording: Wording): Tags {
  try {
    return parseTags(value.split(',').filter((text) => text.trim() !== ''));
  } catch (error) {
    throw rephrased('tags', value, error, wording);
  }
}

function readMaxCost(value: string, wording: Wording): number {
  const maxUsd = parseUsd(value);
  if (maxUsd !== undefined) return maxUsd;
  throw bad('max-cost', value, 'must be US dollars, more than 0, such as 5 or 2.50', wording);
}

function rephrased(key: string, value: string, error: unknown, wording: Wording): unknown {
  return error instanceof SpotreelError
    ? bad(key, value, `is wrong: ${error.message}`, wording, error)
    : error;
}

function bad(
  key: string,
  value: string,
  fault: string,
  { prefix, mend }: Wording,
  cause?: unknown,
): SpotreelError {
  const message = `${prefix}${key} "${printableName(value)}" ${fault}; ${mend}`;
  return new SpotreelError('bad-metadata', 'usage', message, { cause });
}

/** What a disk has in place of an object's metadata: `shot.blend.json` beside `shot.blend`. */
export const SIDECAR_ENDING = '.json';

const sidecarSchema = z.lazy(() => z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])));

/**
 * Reads a sidecar: a JSON object with the names and values that an object's metadata would have (`{"frames": "1-10",
 * "samples": 16, "force": true}`). Nobody else writes into it, so a name that means nothing is an error. Throws `bad-metadata`
 * (usage) naming the file, the name and what is allowed.
 */
export function parseSidecar(bytes: Uint8Array, where: string): UploadWishes {
  const given = parseJson(sidecarSchema, bytes, (reason) =>
    badSidecar(where, `holds no options (${reason})`),
  );
  const unknown = Object.keys(given).find((key) => !UPLOAD_KEYS.includes(key.toLowerCase()));
  if (unknown !== undefined)
    throw badSidecar(where, `knows no option "${unknown}"; there are ${UPLOAD_KEYS.join(', ')}`);
  const metadata = Object.fromEntries(Object.entries(given).map(([key, value]) => [key, String(value)]));
  return parseUploadMetadata(metadata, { prefix: `${where}: `, mend: 'change it there' });
}

function badSidecar(where: string, fault: string): SpotreelError {
  return new SpotreelError('bad-metadata', 'usage', `${where} ${fault}`);
}
