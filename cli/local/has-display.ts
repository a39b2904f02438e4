/** Whether a program of this machine has a screen to draw on, as far as its environment tells. */
export function hasDisplay(environment: NodeJS.ProcessEnv, platform: NodeJS.Platform): boolean {
  if (platform === 'darwin' || platform === 'win32') return true;
  return Boolean(environment.DISPLAY ?? environment.WAYLAND_DISPLAY);
}
