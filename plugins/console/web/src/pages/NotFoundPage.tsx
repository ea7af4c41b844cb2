import { Link } from "wouter";
import { useScope } from "../app/place";
import { PageHeading } from "../components/ui/PageHeading";

export function NotFoundPage() {
  const { at } = useScope();
  return (
    <>
      <PageHeading title="Not found" />
      <p>
        There is no such page. Go to the <Link href={at("/dashboard")}>Dashboard</Link>.
      </p>
    </>
  );
}
