/** `45 s`, `3 min 20 s`, `2 h 05 min`. After a change of the clock less than nothing counts as nothing. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** The same, with tenths and hundredths where they matter: `0.42 s`, `7.3 s`. */
export function formatExactSeconds(seconds: number): string {
  if (seconds >= 10) return formatSeconds(seconds);
  return `${Math.max(0, seconds).toFixed(seconds < 1 ? 2 : 1)} s`;
}
