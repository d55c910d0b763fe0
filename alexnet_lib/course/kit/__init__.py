"""The class kit: the course as one folder for a teacher with thirty laptops and no internet."""
