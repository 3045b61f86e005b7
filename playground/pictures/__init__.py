"""What is made out of finished images: contact sheets, archives, copies with their parameters inside."""
