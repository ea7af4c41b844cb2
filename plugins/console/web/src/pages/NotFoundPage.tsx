import { Link } from "wouter";
import { useScope } from "../app/place";
import { PageHeading } from "../components/ui/PageHeading";

export function NotFoundPage() {
  const { at } = useScope();
  return (
    <>
      <PageHeading title="Not found" />
      <p>
        This page does not exist. Go to the <Link href={at("/dashboard")}>Dashboard</Link>.
      </p>
    </>
  );
}
