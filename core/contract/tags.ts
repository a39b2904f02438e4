import { SpotreelError } from '../errors';
import { printableName } from '../printable';
import { FARM_TAG } from './farm-tag';

/** By whom and for what a render is, as AWS's bills can tell it: `artist` → `ann`. */
export type Tags = Readonly<Record<string, string>>;

/** How the names of Spotreel's own tags begin. */
const OWN_PREFIX = 'spotreel:';
/** How the names of AWS's own tags begin. */
const AWS_PREFIX = 'aws:';
/** The tag of each job that names its render. */
const RENDER_TAG = `${OWN_PREFIX}render`;

/**
 * AWS Batch fails a job that has more than 50 tags with those of its definition, which carries the farm's:
 * https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html
 */
const MOST_TAGS = 40;

/** https://docs.aws.amazon.com/batch/latest/APIReference/API_TagResource.html; the characters are those that all of AWS takes. */
const LONGEST_NAME = 128;
const LONGEST_VALUE = 256;
const ALLOWED = /^[\p{L}\p{Zs}\p{N}_.:/=+\-@]*$/u;

/**
 * Tags as people write them, `name=value` each. Throws `bad-tag` (usage), naming the tag and the limit of AWS that it
 * breaks: AWS Batch would refuse the job, or fail it after a while.
 */
export function parseTags(texts: readonly string[]): Tags {
  const tags = new Map<string, string>();
  for (const text of texts) {
    const [name, value] = splitTag(text);
    const fault = nameFault(name) ?? valueFault(value);
    if (fault !== undefined) throw badTag(text, fault);
    if (tags.has(name))
      throw badTag(text, `comes after another one of the name "${name}"; give each name once`);
    tags.set(name, value);
  }
  if (tags.size > MOST_TAGS)
    throw badTag(
      texts.at(-1)!,
      `is one of ${tags.size}: ${MOST_TAGS} at most, as AWS Batch takes 50 with its own`,
    );
  return Object.fromEntries([...tags].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** The tags of a render's jobs: pure. A job does not inherit the farm's tag from its definition. ECS hands them on to the bill where the account allocates costs by tags. */
export function jobTags(renderId: string, tags: Tags | undefined, farmName?: string): Tags {
  return {
    ...tags,
    [RENDER_TAG]: tagValue(renderId),
    ...(farmName !== undefined && { [FARM_TAG]: farmName }),
  };
}

/** `artist=ann, shot=12`. */
export function formatTags(tags: Tags): string {
  return Object.entries(tags)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
}

function splitTag(text: string): [name: string, value: string] {
  const equals = text.indexOf('=');
  if (equals < 0) throw badTag(text, 'must be name=value');
  return [text.slice(0, equals).trim(), text.slice(equals + 1).trim()];
}

function nameFault(name: string): string | undefined {
  if (name.length === 0) return 'must have a name before the =';
  if ([AWS_PREFIX, OWN_PREFIX].some((prefix) => folded(name).startsWith(prefix)))
    return `must have another name: "aws:" is AWS's and "${OWN_PREFIX}" is Spotreel's`;
  return textFault('name', name, LONGEST_NAME);
}

/**
 * A name without what some readers of tags ignore. Names differ by capitals, but IAM's condition keys do not
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html).
 */
function folded(name: string): string {
  return name.normalize('NFKC').replace(/\p{Z}/gu, '').toLowerCase();
}

function valueFault(value: string): string | undefined {
  return textFault('value', value, LONGEST_VALUE);
}

function textFault(what: string, text: string, longest: number): string | undefined {
  if (text.length > longest) return `has a ${what} of more than ${longest} characters`;
  if (!ALLOWED.test(text))
    return `may have letters, digits, spaces and _ . : / = + - @ in its ${what}, and no others`;
  return undefined;
}

function badTag(text: string, fault: string): SpotreelError {
  return new SpotreelError('bad-tag', 'usage', `tag "${printableName(text)}" ${fault}`);
}

/**
 * A render id as a tag may have it: letters and digits of every script, but no combining marks, by the documentation.
 * Source: https://docs.aws.amazon.com/batch/latest/APIReference/API_TagResource.html
 */
function tagValue(renderId: string): string {
  return renderId.replace(/\p{M}+/gu, '');
}
