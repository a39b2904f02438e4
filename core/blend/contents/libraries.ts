import type { ContentsPart } from './contents-part';
import type { Findings } from './findings';

/** `LIBRARY_FLAG_IS_ARCHIVE` in Blender's `DNA_ID.h`, from 5.1 on: what it stands for is packed into this file. */
const IS_ARCHIVE = 1;

const MAX_LINKED = 8;

interface Library {
  readonly path: string;
  readonly packed: boolean;
  readonly label: string;
  /** As many as are to be named. */
  readonly linked: string[];
}

/**
 * Linked libraries. Data that is linked from one has a block of its own, which holds no more than its name and the
 * library's address; a library without any is not needed. Libraries of libraries are the libraries' own.
 */
export function libraries(findings: Findings): ContentsPart {
  const known = new Map<bigint, Library>();
  return {
    structs: {
      Library(fields, { owner }) {
        if (fields.number('flag') & IS_ARCHIVE) return;
        const path = fields.text('name', 'filepath');
        const packed = fields.pointer('packedfile') !== 0n;
        if (findings.mayKeep(path))
          known.set(owner.address, { path, packed, label: owner.label, linked: [] });
      },
      ID(fields) {
        const library = known.get(fields.pointer('lib'));
        if (library === undefined || library.linked.length >= MAX_LINKED) return;
        const name = fields.text('name');
        if (findings.mayKeepName(name)) library.linked.push(name);
      },
    },
    fileEnds(complete) {
      for (const [library, { path, packed, label, linked }] of known) {
        if (linked.length === 0 && complete) continue;
        findings.addDependency({
          kind: 'library',
          extent: 'file',
          path,
          packed,
          usedBy: label,
          linked,
          library,
        });
      }
    },
  };
}
