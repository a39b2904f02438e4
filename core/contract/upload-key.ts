/** The folder of the bucket in which uploads are looked for. Nothing that a render writes lies under it. */
export const UPLOAD_PREFIX = 'uploads/';

/** The folder below the uploads in which the command line stores scenes and their files by their content. */
export const SUBMITTED_FOLDER = 'submitted';

/** How a scene's file ends, in any case. Blender's own backups end in `.blend1`. */
export const UPLOAD_ENDING = '.blend';

/** Half of a surrogate pair: no URL can name such a key, and S3 has none. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** `<name>.blend` or `<project>/<name>.blend`; the `s` flag because a key may hold line breaks. */
const SCENE = /^(?:(?<project>[^/]+)\/)?[^/]+\.blend$/is;

/**
 * Whether an object created at `key` (as it is, not encoded) starts a render: `uploads/<name>.blend` or
 * `uploads/<project>/<name>.blend`. Deeper ones are assets that a scene links to; anywhere else nothing starts.
 * A project `.` or `..`, or a key that is no valid Unicode text, starts nothing either, as no URL can name it.
 */
export function startsRender(key: string): boolean {
  if (!key.startsWith(UPLOAD_PREFIX) || LONE_SURROGATE.test(key)) return false;
  const match = SCENE.exec(key.slice(UPLOAD_PREFIX.length));
  const project = match?.groups?.project;
  return match !== null && project !== '.' && project !== '..';
}
