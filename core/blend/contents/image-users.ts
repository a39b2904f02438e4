import type { SequencePlay } from './blend-contents';
import type { ContentsPart, Place } from './contents-part';
import type { Fields } from './fields';
import type { Findings } from './findings';

/** `Image.source` and `ImageUser.flag` in Blender's `DNA_image_types.h`. */
const SEQUENCE = 2;
const AUTO_REFRESH = 1 << 0;

/** Ways in which one sequence is played that are kept. */
const MOST_PLAYS = 8;

const NO_NODE = { image: 0n, settings: 0n };

/**
 * How nodes play image sequences: which pictures of them are seen at which frame. Those that are not refreshed show one
 * picture all the time and are left out, as are those that no node shows.
 */
export function imageUsers(findings: Findings): ContentsPart {
  const paths = new Map<bigint, string>();
  const plays = new Map<bigint, SequencePlay[]>();
  let node = NO_NODE;
  // The settings of a node follow it, before the next node.
  const userAt =
    (prefix: string) =>
    (fields: Fields, { address }: Place): void => {
      if (address !== node.settings || node.image === 0n) return;
      const play = playOf(fields, prefix);
      const known = plays.get(node.image) ?? [];
      if (!play || known.length >= MOST_PLAYS || !findings.mayKeep()) return;
      plays.set(node.image, [...known, play]);
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
      NodeTexImage: userAt('iuser.'),
      NodeTexEnvironment: userAt('iuser.'),
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

function playOf(fields: Fields, prefix: string): SequencePlay | undefined {
  const frames = fields.number(`${prefix}frames`) | 0;
  if (frames < 1 || (fields.number(`${prefix}flag`) & AUTO_REFRESH) === 0) return undefined;
  return {
    frames,
    start: fields.number(`${prefix}sfra`) | 0,
    offset: fields.number(`${prefix}offset`) | 0,
    cyclic: fields.number(`${prefix}cycl`) !== 0,
  };
}
