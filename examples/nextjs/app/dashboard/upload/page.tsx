import { UploadForm } from "./form";

export const metadata = { title: "Upload" };

export default function Upload() {
  return (
    <section className="card" aria-labelledby="upload">
      <h1 id="upload">Upload</h1>
      <p>Send a file of up to 1 MB. You are told what arrived; nothing is kept.</p>
      <UploadForm />
    </section>
  );
}
