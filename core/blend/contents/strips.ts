import type { ContentsPart, Place } from './contents-part';
import type { Fields } from './fields';
import type { Findings } from './findings';

/** `Strip.type` in Blender's `DNA_sequence_types.h`. */
const PICTURES = 0;
const MOVIE = 3;
const SOUNDS: readonly number[] = [4, 5];

/** `R_DOSEQ` of `Scene.r.scemode`, from `DNA_scene_types.h`. */
const USES_SEQUENCER = 1;

interface Strip {
  readonly type: number;
  readonly label: string;
  readonly data: bigint;
  readonly hasSound: boolean;
}

interface StripData {
  readonly folder: string;
  readonly elements: bigint;
}

/** Runs of numbers of a strip's pictures that are kept. */
const MOST_RUNS = 1000;

/** By the name without its number, which stays open: the first name, and the numbers of all. */
type Names = Map<string, { readonly first: string; many: boolean; readonly runs: [number, number][] }>;

/**
 * Pictures, movies and sounds of the video sequencer, where the scene renders that. A strip points to its data (which
 * hold the folder) and these to an array of names: one, or one for each frame of a sequence of pictures, which may be
 * numbered or not. Muted strips count, since a driver may bring them back. A sound that is a data block of its own, as
 * they all are since 2.5, is left to that.
 */
export function strips(findings: Findings): ContentsPart {
  let isRendered = false;
  let found: Strip[] = [];
  let data = new Map<bigint, StripData>();
  let elements = new Map<bigint, Names>();

  const readStrip = (fields: Fields): void => {
    const name = fields.text('name').slice(2);
    if (!findings.mayKeepForOwner(name)) return;
    found.push({
      type: fields.number('type'),
      label: `sequencer strip "${name}"`,
      data: fields.pointer('strip', 'data'),
      hasSound: fields.pointer('sound') !== 0n,
    });
  };
  const readData = (fields: Fields, { address }: Place): void => {
    const folder = fields.text('dir', 'dirpath');
    if (findings.mayKeepForOwner(folder))
      data.set(address, { folder, elements: fields.pointer('stripdata') });
  };

  const add = (strip: Strip): void => {
    const isOurs = [PICTURES, MOVIE].includes(strip.type) || (SOUNDS.includes(strip.type) && !strip.hasSound);
    const place = isOurs ? data.get(strip.data) : undefined;
    if (place === undefined) return;
    const names = elements.get(place.elements);
    // Strips do not share it; were there a file in which they do, it would be gone through again for each.
    elements.delete(place.elements);
    for (const { first, many, runs } of names?.values() ?? []) {
      findings.addDependency({
        kind: 'strip',
        extent: many ? 'sequence' : 'file',
        path: joined(place.folder, first),
        packed: false,
        usedBy: strip.label,
        ...(many && { runs }),
      });
    }
  };

  return {
    structs: {
      Scene(fields) {
        isRendered = (fields.number('r.scemode') & USES_SEQUENCER) !== 0;
      },
      // Files call the strip `Sequence` and its data `Strip`; Blender's own names for them changed in 5.0.
      Sequence: readStrip,
      Strip: (fields, place) =>
        fields.has('dir') || fields.has('dirpath') ? readData(fields, place) : readStrip(fields),
      StripData: readData,
      StripElem(fields, { blockAddress }) {
        const name = fields.text('name', 'filename');
        let names = elements.get(blockAddress);
        if (names === undefined) elements.set(blockAddress, (names = new Map()));
        const key = name.replace(LAST_NUMBER, '#');
        const known = names.get(key);
        if (known !== undefined) {
          known.many ||= known.first !== name;
          addToRuns(known.runs, numberIn(name));
        } else if (name !== '' && findings.mayKeepForOwner(name)) {
          const number = numberIn(name);
          names.set(key, { first: name, many: false, runs: [[number, number]] });
        }
      },
    },
    ownerEnds() {
      if (isRendered) for (const strip of found) add(strip);
      isRendered = false;
      found = [];
      data = new Map();
      elements = new Map();
    },
  };
}

const LAST_NUMBER = /\d+(?=\D*$)/;

const numberIn = (name: string): number => Number(LAST_NUMBER.exec(name)?.[0] ?? 0);

/** Pictures mostly follow each other. */
function addToRuns(runs: [number, number][], number: number): void {
  const last = runs.at(-1)!;
  if (number === last[1] + 1) last[1] = number;
  else if ((number < last[0] || number > last[1]) && runs.length < MOST_RUNS) runs.push([number, number]);
}

function joined(folder: string, name: string): string {
  return folder === '' || /[/\\]$/.test(folder) ? folder + name : `${folder}/${name}`;
}
