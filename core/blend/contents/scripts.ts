import type { ContentsPart } from './contents-part';
import { needsScripts } from './driver-expression';
import type { Findings } from './findings';

/** `TXT_ISSCRIPT` of `Text.flags`, in Blender's `DNA_text_types.h`. */
const REGISTERED = 1 << 4;

/** `ChannelDriver.type` in `DNA_anim_types.h`. */
const PYTHON = 1;

/** `R_EDGE_FRS` of `Scene.r.mode`, and `FreestyleConfig.mode`, in `DNA_scene_types.h` and `DNA_freestyle_types.h`. */
const USES_FREESTYLE = 1 << 25;
const BY_SCRIPTS = 1;

/** As `is_unsafe` of `container/worker/scripts_off.py`. */
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const UNSAFE = /[\\\u0000-\u001f]/;

/** `CAM_CUSTOM` of `Camera.type` in `DNA_camera_types.h`: an OSL shader makes its rays. */
const CUSTOM_CAMERA = 3;

const MAX_VARIABLES = 256;

interface Driver {
  readonly expression: string;
  readonly variables: string[];
}

/**
 * What a file would run. Freestyle's modules run only in scenes that use it, in its mode for scripts; the names of its line
 * sets only in its other mode.
 */
export function scripts(findings: Findings): ContentsPart {
  let driver: Driver | undefined;
  let usesFreestyle = false;
  let byScripts = false;
  const texts = new Map<bigint, string>();
  const modules: bigint[] = [];

  const settleDriver = (): void => {
    if (driver !== undefined && needsScripts(driver.expression, driver.variables)) {
      findings.addDriverExpression();
    }
    driver = undefined;
  };
  const readName: ContentsPart['structs'][string] = (fields) => {
    const name = fields.text('name');
    if (usesFreestyle && !byScripts && UNSAFE.test(name)) findings.addUnsafeName(name);
  };
  const readLayer: ContentsPart['structs'][string] = (fields, place) => {
    byScripts = fields.number('freestyle_config.mode', 'freestyleConfig.mode') === BY_SCRIPTS;
    readName(fields, place);
  };

  return {
    structs: {
      Text(fields, { owner }) {
        const { name, address } = owner;
        if (findings.mayKeep(name)) texts.set(address, name);
        if ((fields.number('flags') & REGISTERED) !== 0) findings.addText(name);
      },
      // A text that is linked from a library has only its name here.
      ID(fields, { owner }) {
        const name = fields.text('name');
        if (name.startsWith('TX') && findings.mayKeep(name)) texts.set(owner.address, name.slice(2));
      },
      NodeShaderScript(_, { owner }) {
        findings.addScriptNode(owner.label);
      },
      Camera(fields, { owner }) {
        if (fields.number('type') === CUSTOM_CAMERA) findings.addScriptNode(owner.label);
      },
      ChannelDriver(fields) {
        settleDriver();
        const expression = fields.text('expression');
        // Without an expression it is 0, which takes no Python.
        if (fields.number('type') === PYTHON && expression !== '') driver = { expression, variables: [] };
      },
      // A driver's variables follow it.
      DriverVar(fields) {
        if (driver !== undefined && driver.variables.length < MAX_VARIABLES) {
          driver.variables.push(fields.text('name'));
        }
      },
      Scene(fields) {
        usesFreestyle = (fields.number('r.mode') & USES_FREESTYLE) !== 0;
      },
      ViewLayer: readLayer,
      SceneRenderLayer: readLayer,
      FreestyleLineSet: readName,
      // The modules of a layer follow it.
      FreestyleModuleConfig(fields) {
        const runs = usesFreestyle && byScripts && fields.number('is_displayed') !== 0;
        if (runs && findings.mayKeep()) modules.push(fields.pointer('script'));
      },
    },
    ownerEnds() {
      settleDriver();
      usesFreestyle = false;
      byScripts = false;
    },
    fileEnds() {
      for (const address of modules) {
        const name = texts.get(address);
        if (name !== undefined) findings.addFreestyleModule(name);
      }
    },
  };
}
