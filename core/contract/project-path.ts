/** Bytes of a name that Linux takes, at most (NAME_MAX); a key of S3 may have 1,024 without a slash. */
const LONGEST_NAME = 255;

// oxlint-disable-next-line no-control-regex -- control characters are the subject
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** Half of a surrogate pair, of which no UTF-8 and no URL can be made. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Why `path` is not the path of a file within the folder that it is relative to; `undefined` if it is one. Such a path has
 * segments joined by `/`, none of them empty, `.` or `..`, no zero byte, and no backslash, which some systems take for a `/`.
 */
export function projectPathFault(path: string): string | undefined {
  if (path.includes('\\')) return 'holds a backslash';
  if (path.includes('\0')) return 'holds a zero byte';
  if (LONE_SURROGATE.test(path)) return 'is no valid Unicode text';
  const segments = path.split('/');
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..'))
    return 'holds an empty name, "." or ".."';
  const isLong = segments.some((segment) => Buffer.byteLength(segment) > LONGEST_NAME);
  return isLong ? `holds a name of more than ${LONGEST_NAME} bytes` : undefined;
}

export const isProjectPath = (path: string): boolean => projectPathFault(path) === undefined;

/** The same for the path of a scene, which stands in messages and logs and so may hold no control characters. */
export function scenePathFault(path: string): string | undefined {
  return projectPathFault(path) ?? (CONTROL.test(path) ? 'holds a control character' : undefined);
}
