import { modifierLabel, type ContentsPart } from './contents-part';
import type { Findings } from './findings';

/** `IDP_STRING` in Blender's `DNA_ID.h`. */
const STRING = 0;

/** `GeometryNodeImportSTL`, `…OBJ`, `…PLY`, `…CSV`, `…Text`, `…VDB`, since 4.5. */
const IMPORT = /^GeometryNodeImport[A-Z]/;
const PATH_SOCKET = 'Path';

interface Import {
  readonly label: string;
  readonly socket: bigint;
  path: string;
}

interface Modifier {
  readonly label: string;
  readonly group: bigint;
  /** Texts of its inputs, by identifier. */
  readonly texts: Map<string, string>;
}

/**
 * Files that Import nodes of geometry nodes read. Their path is the socket's own, or that of a String node, or an input
 * of the group, which each modifier sets. What other nodes work out is unknown.
 */
export function importNodes(findings: Findings): ContentsPart {
  let idname = '';
  let label = '';
  let imports = new Map<bigint, Import>();
  let links = new Map<bigint, bigint>();
  /** What comes out of String nodes and group inputs, by the address of the socket. */
  let texts = new Map<bigint, { text: string }>();
  let stringNode: { text: string } | undefined;
  let identifiers = new Map<bigint, string>();
  let modifier: Modifier | undefined;
  /** Inputs of groups that are paths, by the group. */
  const inputs = new Map<bigint, string[]>();
  const modifiers: Modifier[] = [];

  const add = (path: string, usedBy: string): void =>
    findings.addDependency({ kind: 'import', extent: 'file', path, packed: false, usedBy });

  const settle = ({ socket, path, label: usedBy }: Import, group: bigint): void => {
    const from = links.get(socket);
    if (from === undefined) return add(path, usedBy);
    const text = texts.get(from);
    if (text !== undefined) return add(text.text, usedBy);
    const identifier = identifiers.get(from);
    if (identifier !== undefined && findings.mayKeep(identifier))
      inputs.set(group, [...(inputs.get(group) ?? []), identifier]);
  };

  return {
    structs: {
      bNode(fields, { owner }) {
        idname = fields.text('idname');
        label = IMPORT.test(idname) ? `node "${fields.text('name')}" of ${owner.label}` : '';
        stringNode = undefined;
      },
      bNodeSocket(fields, { address }) {
        if (label !== '' && fields.text('identifier') === PATH_SOCKET && findings.mayKeepForOwner(label)) {
          imports.set(fields.pointer('default_value'), { label, socket: address, path: '' });
        } else if (idname === 'NodeGroupInput') {
          const identifier = fields.text('identifier');
          if (findings.mayKeepForOwner(identifier)) identifiers.set(address, identifier);
        } else if (idname === 'FunctionNodeInputString' && findings.mayKeepForOwner()) {
          stringNode ??= { text: '' };
          texts.set(address, stringNode);
        }
      },
      bNodeSocketValueString(fields, { address }) {
        const found = imports.get(address);
        const path = found ? fields.text('value') : '';
        if (found && findings.mayKeepForOwner(path)) found.path = path;
      },
      // Its node's storage, which follows the sockets.
      NodeInputString(fields, { wantText }) {
        const node = stringNode;
        if (!node) return;
        wantText(fields.pointer('string'), (text) => {
          if (findings.mayKeepForOwner(text)) node.text = text;
        });
      },
      bNodeLink(fields) {
        if (imports.size > 0 && findings.mayKeepForOwner())
          links.set(fields.pointer('tosock'), fields.pointer('fromsock'));
      },
      NodesModifierData(fields, { owner }) {
        modifier = undefined;
        const name = modifierLabel(fields, owner);
        if (!findings.mayKeepForOwner(name)) return;
        modifier = { label: name, group: fields.pointer('node_group'), texts: new Map() };
      },
      IDProperty(fields, { wantText }) {
        const user = modifier;
        if (!user || fields.number('type') !== STRING) return;
        const name = fields.text('name');
        wantText(fields.pointer('data.pointer'), (text) => {
          if (text === '' || !findings.mayKeep(name + text)) return;
          if (user.texts.size === 0) modifiers.push(user);
          user.texts.set(name, text);
        });
      },
    },
    ownerEnds(owner) {
      for (const found of imports.values()) settle(found, owner.address);
      idname = label = '';
      stringNode = modifier = undefined;
      imports = new Map();
      links = new Map();
      texts = new Map();
      identifiers = new Map();
    },
    fileEnds() {
      for (const { label: usedBy, group, texts: own } of modifiers) {
        for (const identifier of inputs.get(group) ?? []) add(own.get(identifier) ?? '', usedBy);
      }
    },
  };
}
