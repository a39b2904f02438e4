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

/** RFC 8187: `UTF-8''` and percent-encoded text, as in HTTP headers (`filename*=`). */
const EXTENDED_VALUE = /^utf-8'[\w-]*'(.*)$/is;

/**
 * The text of an HTTP header's value, which is US-ASCII. S3 gives other metadata as encoded words of RFC 2047
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html), and a user can write `UTF-8''%C3%9C`
 * (RFC 8187). Other text stays as it is: a bare `%20` is three characters.
 */
function decodeHeaderText(value: string): string {
  const extended = EXTENDED_VALUE.exec(value)?.[1];
  if (extended !== undefined) return decodePercent(extended) ?? value;
  // White space between two encoded words is not part of the text.
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

/** A request to render a scene: its options, name, tags and cost cap. */
export interface UploadWishes {
  readonly options: RenderOptions;
  /** The render's name, instead of one from the file's name. */
  readonly name?: string;
  /** Cost allocation tags. */
  readonly tags?: Tags;
  /** The cost cap in US dollars. */
  readonly maxCostUsd?: number;
}

/** A part of a request that is not an option: its flag, its limits in words, and its help text. */
interface RequestRow {
  readonly flag: string;
  readonly limits: string;
  readonly help: string;
  /** For farms only, so a sidecar file may not have it. */
  readonly farmOnly?: true;
}

/**
 * The parts of a request that are not options, by their key in metadata. The command line and the docs use this table,
 * too.
 */
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

/** Words of messages for the place of an option. */
interface Wording {
  /** Text before the option's key. */
  readonly prefix: string;
  /** What to do about a wrong value. */
  readonly fix: string;
}

const OBJECT_METADATA: Wording = {
  prefix: 'x-amz-meta-',
  fix: 'upload the scene again with other metadata',
};

/** The keys of a sidecar file: those of metadata that apply to one machine. */
export const SIDECAR_KEYS: readonly string[] = [...OPTION_OF.keys(), 'name', 'tags'];

/**
 * Reads a request from an object's metadata: keys from S3 in lower case without `x-amz-meta-`, values as
 * `decodeHeaderText` reads them. Keys are those of `RENDER_OPTIONS` and `REQUEST_PARTS`; other keys are ignored.
 * Throws `bad-metadata` (usage) with key, value and limits.
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

/** Reads `artist=ann,shot=12`; tags contain no commas. */
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

/** A sidecar file has the role of metadata on a disk: `shot.blend.json` beside `shot.blend`. */
export const SIDECAR_ENDING = '.json';

const sidecarSchema = z.lazy(() => z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])));

/**
 * Reads a sidecar: a JSON object with names and values of metadata (`{"frames": "1-10", "samples": 16, "force":
 * true}`). Only Spotreel reads it, so an unknown name is an error. Throws `bad-metadata` (usage) with the file, the
 * name and the allowed values.
 */
export function parseSidecar(bytes: Uint8Array, where: string): UploadWishes {
  const given = parseJson(sidecarSchema, bytes, (reason) =>
    badSidecar(where, `has no readable options (${reason})`),
  );
  const unknown = Object.keys(given).find((key) => !SIDECAR_KEYS.includes(key.toLowerCase()));
  if (unknown !== undefined)
    throw badSidecar(where, `has an unknown option "${unknown}"; use ${SIDECAR_KEYS.join(', ')}`);
  const metadata = Object.fromEntries(Object.entries(given).map(([key, value]) => [key, String(value)]));
  return parseUploadMetadata(metadata, { prefix: `${where}: `, fix: 'change it there' });
}

function badSidecar(where: string, fault: string): SpotreelError {
  return new SpotreelError('bad-metadata', 'usage', `${where} ${fault}`);
}
