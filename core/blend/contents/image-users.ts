import type { SequencePlay } from './blend-contents';
import type { ContentsPart, Place } from './contents-part';
import type { Fields } from './fields';
import type { Findings } from './findings';

/** `Image.source` in Blender's `DNA_image_types.h`. */
const SEQUENCE = 2;

/** Ways in which one sequence is played that are kept. */
const MOST_PLAYS = 8;

const NO_NODE = { image: 0n, settings: 0n };

/**
 * How nodes and textures play image sequences: which pictures of them are shown at which frame. Auto Refresh makes no
 * difference: a render of Blender 3.4 shows the picture of each frame also without it. Before its start a texture node
 * shows the picture before the first, a compositor node none. Sequences that nothing shows are left out.
 */
export function imageUsers(findings: Findings): ContentsPart {
  const paths = new Map<bigint, string>();
  const plays = new Map<bigint, SequencePlay[]>();
  let node = NO_NODE;
  const add = (image: bigint, play: SequencePlay | undefined): void => {
    const known = plays.get(image) ?? [];
    if (image === 0n || !play || known.length >= MOST_PLAYS || !findings.mayKeep()) return;
    plays.set(image, [...known, play]);
  };
  // The settings of a node follow it, before the next node.
  const userAt =
    (prefix: string, mode?: SequencePlay['mode']) =>
    (fields: Fields, { address }: Place): void => {
      if (address === node.settings) add(node.image, playOf(fields, prefix, mode));
    };
  return {
    structs: {
      Image(fields, { address }) {
        const path = fields.text('name', 'filepath');
        if (fields.number('source') === SEQUENCE && findings.mayKeep(path)) paths.set(address, path);
      },
      bNode(fields) {
        node = { image: fields.pointer('id'), settings: fields.pointer('storage') };
      },
      NodeTexImage: userAt('iuser.', 'from-zero'),
      NodeTexEnvironment: userAt('iuser.', 'from-zero'),
      // A texture of modifiers, particles and brushes.
      Tex: (fields) => add(fields.pointer('ima'), playOf(fields, 'iuser.')),
      // Of the compositor's nodes.
      ImageUser: userAt(''),
    },
    ownerEnds() {
      node = NO_NODE;
    },
    fileEnds() {
      for (const [image, ways] of plays) findings.addPlays(paths.get(image), ways);
    },
  };
}

function playOf(fields: Fields, prefix: string, mode?: SequencePlay['mode']): SequencePlay | undefined {
  const frames = fields.number(`${prefix}frames`) | 0;
  if (frames < 1) return undefined;
  return {
    frames,
    start: fields.number(`${prefix}sfra`) | 0,
    offset: fields.number(`${prefix}offset`) | 0,
    cyclic: fields.number(`${prefix}cycl`) !== 0,
    ...(mode && { mode }),
  };
}
