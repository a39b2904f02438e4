/**
 * Whether `path` names something within the folder that it is relative to: segments joined by `/`, none of them empty,
 * `.` or `..`, no zero byte, and no backslash, which some systems take for a `/`.
 */
export function isProjectPath(path: string): boolean {
  if (path.includes('\0') || path.includes('\\')) return false;
  return path.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
}
