import { me } from "../user";
import { ProfileForm } from "./form";

export const metadata = { title: "Profile" };

export default async function Profile() {
  const { name, email } = await me();
  return (
    <section className="card" aria-labelledby="profile">
      <h1 id="profile">Profile</h1>
      <ProfileForm name={name} email={email} />
    </section>
  );
}
