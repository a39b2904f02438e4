import * as z from 'zod/mini';
import { SpotreelError } from '../errors';
import { parseJson } from '../json';
import { printableName } from '../text';
import { checkRenderName } from './keys';
import {
  OPTION_NAMES,
  type OptionName,
  parseTags,
  parseUsd,
  readOption,
  RENDER_OPTIONS,
  type RenderOptions,
  renderOptionsSchema,
  type Tags,
  wordOf,
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

/** A request to render a scene: the options, and what is no part of them. */
export interface UploadWishes {
  readonly options: RenderOptions;
  /** The render's name, in place of one made from the file's. */
  readonly name?: string | undefined;
  /** Cost allocation tags. */
  readonly tags?: Tags | undefined;
  /** US dollars that the render may cost. */
  readonly maxCostUsd?: number | undefined;
}

/** One part of a request besides the options: its flag, its limits in words, and its help text. */
interface RequestRow {
  readonly flag: string;
  readonly limits: string;
  readonly help: string;
  /** It concerns a farm alone, so a sidecar file may not have it. */
  readonly farmOnly?: true;
}

/** The parts of a request besides the options, by their key in metadata. The command line and the docs read this table, too. */
export const REQUEST_PARTS = {
  name: {
    flag: '-n, --name <name>',
    limits: 'letters, digits, _ and -, at most 100; the first is a letter or digit',
    help: 'name of the render (default: made from the file and the options)',
  },
  tags: {
    flag: '--tag <name=value>',
    limits: 'name=value, several with commas between them; at most 40',
    help: 'cost allocation tag, such as artist=ann (repeatable)',
  },
  'max-cost': {
    flag: '--max-cost <usd>',
    limits: 'US dollars, more than 0, such as 5 or 2.50',
    help: 'US dollars: submit refuses a render that would cost more, and the farm stops it at this cost',
    farmOnly: true,
  },
} as const satisfies Readonly<Record<string, RequestRow>>;

const OPTION_OF: ReadonlyMap<string, OptionName> = new Map(OPTION_NAMES.map((name) => [wordOf(name), name]));

/** How messages name the place of an option. */
interface Wording {
  /** Before the option's key. */
  readonly prefix: string;
  /** What to do about a wrong value. */
  readonly fix: string;
}

const OBJECT_METADATA: Wording = {
  prefix: 'x-amz-meta-',
  fix: 'upload the scene again with other metadata',
};

/** The keys of a sidecar file: those of metadata that mean something on one machine. */
export const SIDECAR_KEYS: readonly string[] = [...OPTION_OF.keys(), 'name', 'tags'];

/**
 * Reads a request from an object's metadata: keys as S3 gives them, in lower case and without `x-amz-meta-`; values as
 * `decodeHeaderText` reads them. The keys are those of `RENDER_OPTIONS` and `REQUEST_PARTS`; other programs may have keys of their
 * own, which are ignored. Throws `bad-metadata` (usage) naming key, value and limits.
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
    const option = OPTION_OF.get(key);
    if (option) options[option] = readValue(option, value, wording);
    else if (key === 'name') name = readName(value, wording);
    else if (key === 'tags') tags = readTags(value, wording);
    else if (key === 'max-cost') maxCostUsd = readMaxCost(value, wording);
  }
  return { options: renderOptionsSchema.parse(options), name, tags, maxCostUsd };
}

function readValue(name: OptionName, text: string, wording: Wording): unknown {
  const key = wordOf(name);
  let value: unknown;
  try {
    value = readOption(name, text);
  } catch (error) {
    throw rephrased(key, text, error, wording);
  }
  if (value === undefined) throw bad(key, text, `must be ${RENDER_OPTIONS[name].limits}`, wording);
  return value;
}

function readName(value: string, wording: Wording): string {
  try {
    return checkRenderName(value);
  } catch (error) {
    throw rephrased('name', value, error, wording);
  }
}

/** `artist=ann,shot=12`: a tag has no comma in it. */
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
  throw bad('max-cost', value, `must be ${REQUEST_PARTS['max-cost'].limits}`, wording);
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
  { prefix, fix }: Wording,
  cause?: unknown,
): SpotreelError {
  const message = `${prefix}${key} "${printableName(value)}" ${fault}; ${fix}`;
  return new SpotreelError('bad-metadata', 'usage', message, { cause });
}

/** A sidecar file is on a disk what metadata is in S3: `shot.blend.json` beside `shot.blend`. */
export const SIDECAR_ENDING = '.json';

const sidecarSchema = z.lazy(() => z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])));

/**
 * Reads a sidecar: a JSON object with the names and values that an object's metadata would have (`{"frames": "1-10",
 * "samples": 16, "force": true}`). Only Spotreel reads it, so an unknown name is an error. Throws `bad-metadata`
 * (usage) naming the file, the name and what is allowed.
 */
export function parseSidecar(bytes: Uint8Array, where: string): UploadWishes {
  const given = parseJson(sidecarSchema, bytes, (reason) =>
    badSidecar(where, `holds no options (${reason})`),
  );
  const unknown = Object.keys(given).find((key) => !SIDECAR_KEYS.includes(key.toLowerCase()));
  if (unknown !== undefined)
    throw badSidecar(where, `knows no option "${unknown}"; there are ${SIDECAR_KEYS.join(', ')}`);
  const metadata = Object.fromEntries(Object.entries(given).map(([key, value]) => [key, String(value)]));
  return parseUploadMetadata(metadata, { prefix: `${where}: `, fix: 'change it there' });
}

function badSidecar(where: string, fault: string): SpotreelError {
  return new SpotreelError('bad-metadata', 'usage', `${where} ${fault}`);
}
