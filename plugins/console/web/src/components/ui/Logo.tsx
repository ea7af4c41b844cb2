export function Logo() {
  return (
    <div className="logo">
      <img src="/favicon.svg" alt="" width={28} height={28} />
      <span>
        Apolo <span>Console</span>
      </span>
    </div>
  );
}
