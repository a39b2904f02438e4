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

const MAX_VARIABLES = 256;

interface Driver {
  readonly expression: string;
  readonly variables: string[];
}

/**
 * What a file would run. Freestyle's modules run only in scenes that use it, in its mode for scripts, and then whether
 * scripts are allowed or not.
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
  const readLayer: ContentsPart['structs'][string] = (fields) => {
    byScripts = fields.number('freestyle_config.mode', 'freestyleConfig.mode') === BY_SCRIPTS;
  };

  return {
    structs: {
      Text(fields, { owner }) {
        const { name, address } = owner;
        if (findings.mayKeep(name)) texts.set(address, name);
        if ((fields.number('flags') & REGISTERED) !== 0) findings.addText(name);
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
