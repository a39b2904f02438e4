/** What Spotreel must do with a scene. */
export type Expectation =
  /** Every picture equals that of plain Blender. */
  | { readonly kind: 'equal' }
  /** An error of this code before anything is rendered. */
  | { readonly kind: 'refused'; readonly code: string }
  /** The same, and with `--force` every picture equals and the last line counts the missing files, unless there are 0. */
  | { readonly kind: 'forced'; readonly code: string; readonly missing: number }
  /** A warning of this code; without `--force` only the frames that need the file fail, with it as for `forced`. */
  | { readonly kind: 'warned'; readonly code: string; readonly missing: number }
  /** What the scene asks for is lost, and this finding says so before rendering; the frames equal. */
  | { readonly kind: 'reported'; readonly code: string };

/** One scene that is rendered by Spotreel and by plain Blender. In flags and environment `{here}` is the scene's folder. */
export interface Feature {
  /** Also the name of the function in `scenes/` that builds it. */
  readonly name: string;
  readonly expect: Expectation;
  /** The least version of Blender that can do it, `[major, minor]`. */
  readonly from?: readonly [number, number];
  /** The first version of Blender that no longer can. */
  readonly before?: readonly [number, number];
  /** The first version that may crash at a frame of it, so that nothing can be compared: missing files are still counted. */
  readonly crashes?: readonly [number, number];
  /** Why the module `bpy` can't do it. */
  readonly notByModule?: string;
  /** The scene's file; `scene.blend` if absent. */
  readonly file?: string;
  /** What a refusal says, if `inspect`, which knows no Blender, cannot report it. */
  readonly says?: string;
  /** Further flags of `spotreel render`. */
  readonly flags?: readonly string[];
  /** The scene that plain Blender renders, if it is not the file's active one. */
  readonly scene?: string;
  /** A line of Python that does in plain Blender what the flags do. */
  readonly plainly?: string;
  /** Environment of both. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Further environment of plain Blender, in place of flags. */
  readonly plainEnvironment?: Readonly<Record<string, string>>;
  /** The folders beside the scene that its File Output nodes write to, in the order of the nodes' names. */
  readonly outputs?: readonly string[];
}

interface Details extends Omit<Feature, 'name' | 'expect'> {}

export const equal = (name: string, details: Details = {}): Feature => ({
  ...details,
  name,
  expect: { kind: 'equal' },
});

export const refused = (name: string, code: string, details: Details = {}): Feature => ({
  ...details,
  name,
  expect: { kind: 'refused', code },
});

export const forced = (name: string, code: string, missing: number, details: Details = {}): Feature => ({
  ...details,
  name,
  expect: { kind: 'forced', code, missing },
});

export const warned = (name: string, code: string, missing: number, details: Details = {}): Feature => ({
  ...details,
  name,
  expect: { kind: 'warned', code, missing },
});

export const reported = (name: string, code: string, details: Details = {}): Feature => ({
  ...details,
  name,
  expect: { kind: 'reported', code },
});
