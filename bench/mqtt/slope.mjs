/** Least squares through `{ seconds, kiB }`: KiB per minute; `undefined` with less than two samples. */
export function slopePerMinute(samples) {
  if (samples.length < 2) return undefined;
  const mean = (of) => samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const [meanSeconds, meanKiB] = [mean(({ seconds }) => seconds), mean(({ kiB }) => kiB)];
  const covariance = mean(({ seconds, kiB }) => (seconds - meanSeconds) * (kiB - meanKiB));
  const variance = mean(({ seconds }) => (seconds - meanSeconds) ** 2);
  return (covariance / variance) * 60;
}
