/** A breach of the writing rules of CONTRIBUTING.md. */
export interface LanguageFault {
  /** From 1. */
  readonly line: number;
  readonly fault: string;
}

/** Most characters of a line of prose; tables and code blocks have no limit. */
export const LONGEST_LINE = 120;

/** Most words of a sentence; a piece of code is one word. */
export const LONGEST_SENTENCE = 25;

/** Most characters of the subject of a commit. */
export const LONGEST_SUBJECT = 72;

/** Words that are ruled out, and what to write in their place. */
export const RULED_OUT: ReadonlyArray<readonly [RegExp, string]> = [
  [/\bmend(s|ed|ing)?\b/i, 'fix'],
  [/\breckon(s|ed|ing|ings)?\b/i, 'estimate, calculate'],
  [/\banew\b/i, 'again'],
  [/\b(nobody|somebody|whoever|whosoever)\b/i, 'the actor: the user, AWS Batch, another process, no one'],
  [/\b(tells?|told|telling)\b/i, 'report, show, list, distinguish'],
  [/\b(stands?|stood) (there|in|for|beside|behind|on|as|at)\b/i, 'is'],
  [/\b(lies|lay)\b/i, 'is'],
  [/\b(is|are|was|were) not there\b/i, 'is missing, does not exist'],
  [/\bwhat is there\b|\bthat are there\b/i, 'exists, is stored'],
  [/\b(goes|go|going|went) on\b/i, 'continues, resumes'],
  [/\b(by|for|of) whom\b/i, 'the actor first: who, which artist'],
  [/\bwho is alone\b|\bwhat is no\b|\bis none\b/, 'the noun itself'],
  [/\bin silence\b/i, 'silently'],
  [/\b(befell?|befalls?)\b/i, 'happened to'],
  [/\bhands? (on|over)\b/i, 'passes'],
  [/\bcomes? of it\b/i, 'results'],
  [/\bfor want of\b/i, 'because … is missing'],
];

/** Hosts that serve packages. Docs link to projects, never to a registry. */
const REGISTRY =
  /\b(?:registry\.npmjs\.org|npmjs\.(?:com|org)|unpkg\.com|pypi\.org|pythonhosted\.org|(?:deb|security|packages)\.debian\.org|archive\.ubuntu\.com|crates\.io|rubygems\.org|proxy\.golang\.org|hub\.docker\.com)\b/i;

/** The faults of a page of Markdown, in the order of its lines. */
export function markdownFaults(text: string): LanguageFault[] {
  const lines = text.split('\n');
  const kinds = kindsOf(lines);
  const faults = lines.flatMap((line, index) => lineFaults(line, kinds[index]!, index + 1));
  return [...faults, ...sentenceFaults(lines, kinds)].toSorted((a, b) => a.line - b.line);
}

/** The ruled-out words in the comments, messages and test names of a source file. */
export function sourceFaults(text: string, ending: string): LanguageFault[] {
  const prose = ['.py', '.pl', '.sh'].includes(ending) ? SCRIPT_PROSE : PROGRAM_PROSE;
  return [...text.matchAll(prose)].flatMap(({ 0: matched, index }) => {
    if (/^['"]\S*$/.test(matched)) return [];
    const part = matched.startsWith('`') ? withoutPlaceholders(matched) : matched;
    const first = text.slice(0, index).split('\n').length;
    return part
      .split('\n')
      .flatMap((line, offset) => wordFaults(line).map((fault) => ({ line: first + offset, fault })));
  });
}

/** The faults of a commit's subject. */
export function subjectFaults(subject: string): string[] {
  const length = Array.from(subject).length;
  return length > LONGEST_SUBJECT ? [`${length} characters, more than ${LONGEST_SUBJECT}`] : [];
}

type Kind = 'code' | 'table' | 'prose' | 'comment';

/** Comments, and all quoted texts: a search for texts of several words only would start at the end of a short one. */
const PROGRAM_PROSE =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;
const SCRIPT_PROSE = /"""[\s\S]*?"""|#[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g;

/** A template without the code in it. */
function withoutPlaceholders(template: string): string {
  return template.replaceAll(/\$\{[^{}]*\}/g, (code) => code.replaceAll(/[^\n]/g, ' '));
}

function kindsOf(lines: readonly string[]): Kind[] {
  let isCode = false;
  return lines.map((line) => {
    const isFence = /^\s*```/.test(line);
    if (isFence) isCode = !isCode;
    if (isFence || isCode) return 'code';
    if (line.startsWith('|')) return 'table';
    return /^<!--.*-->$/.test(line) ? 'comment' : 'prose';
  });
}

function lineFaults(line: string, kind: Kind, number: number): LanguageFault[] {
  const faults: string[] = [];
  const length = Array.from(line).length;
  if (kind === 'prose' && length > LONGEST_LINE)
    faults.push(`${length} characters, more than ${LONGEST_LINE}`);
  if (kind === 'prose' || kind === 'table') faults.push(...wordFaults(withoutCode(line)));
  if (REGISTRY.test(line)) faults.push('links to a package registry; link to the project');
  return faults.map((fault) => ({ line: number, fault }));
}

function wordFaults(text: string): string[] {
  return RULED_OUT.flatMap(([word, instead]) => {
    const found = word.exec(text)?.[0];
    return found === undefined ? [] : [`"${found}"; write: ${instead}`];
  });
}

/** Sentences of paragraphs, list items and table cells. */
function sentenceFaults(lines: readonly string[], kinds: readonly Kind[]): LanguageFault[] {
  return blocksOf(lines, kinds).flatMap(({ line, text }) =>
    sentencesOf(text).flatMap((sentence) => {
      const count = wordsOf(sentence).length;
      if (count <= LONGEST_SENTENCE) return [];
      return [{ line, fault: `a sentence of ${count} words, more than ${LONGEST_SENTENCE}: ${sentence}` }];
    }),
  );
}

/** Texts that sentences do not cross, with the line at which each begins. */
function blocksOf(lines: readonly string[], kinds: readonly Kind[]): { line: number; text: string }[] {
  const blocks: { line: number; text: string }[] = [];
  let isOpen = false;
  for (const [index, raw] of lines.entries()) {
    const line = raw.replace(/^>\s?(\[!\w+\])?/, '');
    if (kinds[index] === 'table') {
      blocks.push(
        ...withoutCode(raw)
          .split('|')
          .map((text) => ({ line: index + 1, text })),
      );
      isOpen = false;
    } else if (kinds[index] !== 'prose' || line.trim() === '') {
      isOpen = false;
    } else if (isOpen && !/^\s*([-*]|\d+\.)\s|^#/.test(line)) {
      blocks.at(-1)!.text += ` ${line.trim()}`;
    } else {
      blocks.push({ line: index + 1, text: line.replace(/^\s*([-*]|\d+\.|#+)\s+/, '') });
      isOpen = !line.startsWith('#');
    }
  }
  return blocks;
}

/** Code counts as one word, so does a test's name in a table, and a link counts as its text. */
function withoutCode(text: string): string {
  return (text.startsWith('|') ? text.replaceAll(/"[^"]+"/g, 'NAME') : text)
    .replaceAll(/`[^`]+`/g, 'CODE')
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/[*_]{1,2}(?=\S)|(?<=\S)[*_]{1,2}/g, '');
}

function sentencesOf(text: string): string[] {
  return withoutCode(text)
    .split(/(?<=[.!?]["”)]?)\s+/)
    .filter((sentence) => sentence.trim() !== '');
}

function wordsOf(sentence: string): string[] {
  return sentence.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
}
