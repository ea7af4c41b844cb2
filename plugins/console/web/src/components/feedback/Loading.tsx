export function RowSkeletons({ rows = 4 }: { rows?: number }) {
  return (
    <div role="status" aria-label="Loading" className="skeletons">
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} className="skeleton" />
      ))}
    </div>
  );
}

export function Loading() {
  return (
    <div className="loading">
      <div role="progressbar" aria-label="Loading" className="spinner" />
    </div>
  );
}
